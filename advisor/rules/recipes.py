"""Recipes: how to train what is chosen. These rules change no odds; their notes stand beside the strategies."""

from __future__ import annotations

from advisor.facts import Facts
from advisor.rules.base import Effects, count, nats, rule, spread
from advisor.rules.groups import LORAS, PARTIAL, TRAINED, each

UNSTABLE_ROWS = 5_000
"""Training rows under which encoders need several seeds (our line; Mosbach et al. 2021 looked at less)."""
EPOCHS, BATCH = 3, 32
"""Of a usual run, to reckon its optimiser steps."""
SHORT_RUN = 100
"""Steps under which LoRA's learning rate is 15 times that of full fine-tuning (LoRA Without Regret, 2025)."""

_ADAPTERS = nats(**each(LORAS, "note"))
_LEARNING_RATES = nats(**each(TRAINED, "note"))
_SEEDS = nats(**each((*LORAS, *PARTIAL, "full"), "note"))
_STARTS_FROM_PROBE = nats(**each(("full", *PARTIAL), "note"))


@rule(
    id="lora-all-linear-layers",
    strength="S",
    source="LoRA Without Regret (2025): adapters on attention alone stay behind at the same number of weights; its "
    "reproduction on Qwen3-4B, 6,400 examples: loss 1.8457 at rank 256 on all layers, 1.8548 on attention alone",
    touches=LORAS,
    example={"model_kind": "causal"},
)
def all_linear_layers(facts: Facts) -> Effects | None:
    """Put LoRA on all linear layers, not on attention alone.

    Attention alone is worse even with a rank that makes up for the number of weights; the feed-forward layers are
    where most of the model is.

    What to do: name all linear layers as targets, and take a lower rank rather than fewer layers.
    """
    if not facts.causal:
        return None
    return spread(
        lambda: f"Train adapters on all linear layers of {facts.model_name}, not on attention alone.", 1.0, _ADAPTERS
    )


@rule(
    id="lora-rank-by-task",
    strength="M",
    source="Biderman et al. 2024, Llama-2-7B: instruction tuning on code .497 in full, .498 at rank 256, .417 at 64, "
    ".358 at 16; on chat parity at rank 16",
    touches=LORAS,
    example={"model_kind": "causal", "task": "code"},
)
def rank_by_task(facts: Facts) -> Effects | None:
    """Rank 16 to 32 for a format, a style or labels; 128 and more for code or a language that is new to the model.

    A low rank suffices to bring out what the model can do already; what it has to learn anew takes more.

    What to do: set the rank with alpha and learning rate together; where memory allows compare two ranks.
    """
    if not facts.causal:
        return None
    if facts.task == "code":
        return spread("Your task is code; take rank 128 or more, rank 16 stayed far behind there.", 1.0, _ADAPTERS)
    if unnamed := facts.languages_not_in_card:
        named = ", ".join(unnamed)
        because = f"The card of {facts.model_name} does not name '{named}'; to learn it take rank 128 or more."
        return spread(because, 1.0, _ADAPTERS)
    return spread(
        lambda: f"For {facts.task}, start at rank 16 to 32; rank 16 matched full fine-tuning on chat.", 1.0, _ADAPTERS
    )


@rule(
    id="encoder-few-rows-seeds",
    strength="S",
    source="Mosbach et al. 2021 and Zhang et al. 2021 (abstracts): bias-corrected Adam, warm-up and longer schedules "
    "mend the instability of small data (5,000 rows are our line)",
    touches=tuple(_SEEDS),
    example={"model_kind": "encoder", "rows": 1_000},
)
def several_seeds(facts: Facts) -> Effects | None:
    """Tune an encoder on few rows with a long schedule, warm-up and five seeds or more.

    What looks like too little data is optimisation that stopped too early or diverged in single runs.

    What to do: up to 20 epochs with warm-up over the first tenth, bias-corrected Adam, and the average of five seeds.
    """
    if not facts.encoder:
        return None
    rows = facts.train_rows
    if rows is None or rows >= UNSTABLE_ROWS:
        return None
    return spread(
        lambda: (
            f"With {count(rows, 'training row')}, under {UNSTABLE_ROWS:,}, train up to 20 epochs with warm-up, and "
            "compare averages of at least 5 seeds."
        ),
        1.0,
        _SEEDS,
    )


@rule(
    id="lora-learning-rate",
    strength="S",
    source="LoRA Without Regret (2025): the best learning rate of LoRA is about 10 times that of full fine-tuning, "
    "about 15 times in runs of under 100 steps",
    touches=LORAS,
    example={"rows": 500},
)
def lora_learning_rate(facts: Facts) -> Effects | None:
    """Give LoRA ten times the learning rate of full fine-tuning, fifteen times in runs of under 100 steps.

    Compared at one learning rate, one of the two is always wronged.

    What to do: start at ten times the learning rate you would tune in full with, and try a third and three times that.
    """
    rows = facts.train_rows
    if rows is None:
        return None
    steps = EPOCHS * rows / BATCH

    def because() -> str:
        times = 15 if steps < SHORT_RUN else 10
        return (
            f"{EPOCHS} epochs of {count(rows, 'training row')} make about {count(max(1, round(steps)), 'step')} of "
            f"{BATCH}; give LoRA about {times} times the learning rate of full fine-tuning."
        )

    return spread(because, 1.0, _ADAPTERS)


@rule(
    id="lora-small-batches",
    strength="M",
    source="LoRA Without Regret (2025): large batches cost LoRA more than full fine-tuning (contested)",
    touches=LORAS,
    example={"model_kind": "causal"},
)
def small_batches(facts: Facts) -> Effects | None:
    """Train LoRA with an effective batch of 32 at most.

    Product of two small matrices as it is, it loses more from large batches than full fine-tuning does, whatever the
    rank.

    What to do: count devices and accumulation into the batch; shrink the batch before adding epochs.
    """
    if not facts.causal:
        return None

    def because() -> str:
        devices = "" if not facts.gpus else f" over your {count(facts.gpus, 'GPU')}"
        return f"Keep the effective batch of LoRA on {facts.model_name} at 32 or less{devices}, accumulation included."

    return spread(because, 1.0, _ADAPTERS)


@rule(
    id="learning-rate-before-method",
    strength="S",
    source="PEFT method comparison, Llama-3.2-3B on GSM8K: prompt tuning from 5.7 to 34.3 and IA3 from 31.1 to 45.5 by "
    "learning rate, start and targets alone",
    touches=tuple(_LEARNING_RATES),
    example={"rows": 500},
)
def learning_rate_first(facts: Facts) -> Effects | None:
    """Try three learning rates for each method before comparing methods.

    The learning rate moves the score of one method by more than methods differ, and the best one differs by twenty
    times between families of models.

    What to do: three learning rates a factor of three apart on a part of the rows, for each method.
    """
    rows = facts.train_rows
    if rows is None:
        return None
    return spread(
        lambda: f"On a part of your {count(rows, 'training row')}, try three learning rates before you judge a method.",
        1.0,
        _LEARNING_RATES,
    )


@rule(
    id="head-from-the-probe",
    strength="S",
    source="Kumar et al. 2022 (abstract): probing first and then tuning (LP-FT) gains 1 point in distribution and 10 "
    "out of it over fine-tuning",
    touches=tuple(_STARTS_FROM_PROBE),
    example={"model_kind": "encoder", "classes": 5},
)
def head_from_the_probe(facts: Facts) -> Effects | None:
    """Start the classification head from a linear probe before weights are tuned (LP-FT).

    A random head sends random gradients into good features in the first steps, and bends them for nothing.

    What to do: train the probe on frozen features, copy it into the head, then tune.
    """
    if not facts.classification or facts.causal is not False:
        return None

    def because() -> str:
        classes = "" if facts.classes is None else f" for your {count(facts.classes, 'class')}"
        return f"Start the head{classes} from a linear probe on {facts.model_name}, then tune (LP-FT)."

    return spread(because, 1.0, _STARTS_FROM_PROBE)


RULES = (
    all_linear_layers,
    rank_by_task,
    several_seeds,
    lora_learning_rate,
    small_batches,
    learning_rate_first,
    head_from_the_probe,
)
