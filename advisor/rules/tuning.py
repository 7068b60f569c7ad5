"""Tuning: a part of the weights or all of them."""

from __future__ import annotations

from advisor.facts import Facts
from advisor.rules.base import Effects, count, push, rule


@rule(
    id="encoder-under-1000-peft",
    strength="M",
    source="Chen et al. 2022 (abstract): on encoders, parameter-efficient tuning wins only in low resource (the "
    "1,000 rows are our line)",
    touches=("lora", "full"),
)
def encoder_under_1000(facts: Facts) -> Effects | None:
    """Under 1,000 training rows, tune an encoder by adapters rather than in full."""
    if not facts.encoder or not 100 <= facts.train_rows < 1_000:
        return None
    because = (
        f"{facts.model_name} is an encoder and you have {count(facts.train_rows, 'training row')}; under 1,000, "
        "parameter-efficient tuning tends to win."
    )
    return push(because, lora="+M", full="-M")


@rule(
    id="encoder-over-10000-full",
    strength="M",
    source="Chen et al. 2022 (abstract): on encoders, full fine-tuning is best at medium and high resource (the "
    "10,000 rows are our line)",
    touches=("full",),
)
def encoder_over_10000(facts: Facts) -> Effects | None:
    """Over 10,000 training rows, tune an encoder in full."""
    if not facts.encoder or facts.train_rows <= 10_000:
        return None
    because = (
        f"{facts.model_name} is an encoder and you have {count(facts.train_rows, 'training row')}; over 10,000, full "
        "fine-tuning tends to win."
    )
    return push(because, full="+M")


@rule(
    id="encoder-under-5000-unstable",
    strength="W",
    source="Mosbach et al. 2021 and Zhang et al. 2021 (abstracts): instability on small data comes from optimisation "
    "and is mended by warm-up, bias correction and longer schedules",
    touches=("full",),
)
def encoder_under_5000(facts: Facts) -> Effects | None:
    """Under 5,000 training rows, single runs of fully tuned encoders are unstable.

    It takes warm-up, a long schedule and several seeds (five or more) to trust a result; that is a price, not a defeat.
    """
    if not facts.encoder or facts.train_rows >= 5_000:
        return None
    because = (
        f"With {count(facts.train_rows, 'training row')}, under 5,000, full fine-tuning of an encoder needs warm-up, "
        "a long schedule and at least 5 seeds."
    )
    return push(because, full="-W")


@rule(
    id="llm-lora-default",
    strength="S",
    source="Hu et al. 2021 (LoRA), table 16, MNLI-n on GPT-3: LoRA 63.8 / 85.6 / 89.2 / 91.7 against 60.2 / 85.8 / "
    "88.9 / 89.5 in full at 100 / 1k / 10k / 392k rows; LoRA Without Regret (2025): about 67 % of the FLOPs",
    touches=("lora", "full"),
)
def llm_lora_default(facts: Facts) -> Effects | None:
    """To tune a causal LM on 100 to 400,000 short rows, take LoRA.

    At these sizes it is as good as full fine-tuning at two thirds of the compute and a fraction of the memory. The
    evidence is strong, but about LoRA against full, so it is shared between the two.
    """
    if not facts.causal or not 100 <= facts.train_rows <= 400_000:
        return None
    because = (
        f"{facts.model_name} is a causal LM and you have {count(facts.train_rows, 'training row')}; from 100 to "
        "400,000, LoRA matched full fine-tuning at about two thirds of the compute."
    )
    return push(because, lora="+M", full="-M")


@rule(
    id="conflicting-labels-keep-it-simple",
    strength="W",
    source="common practice (large models learn wrong labels by heart; the 1 % is our line)",
    touches=("lora", "full"),
)
def conflicting_labels(facts: Facts) -> Effects | None:
    """Where one text in a hundred stands with several labels, tune less.

    The labels disagree with themselves; the more weights are free, the more of the disagreement is learned by heart.
    """
    if facts.conflict_share < 0.01:
        return None
    texts, rows = count(facts.profile.label_conflicts, "text"), count(facts.profile.rows, "row")
    because = (
        f"More than one label stands with {texts} in {rows} ({facts.conflict_share:.1%}); mend the labels before "
        "tuning many weights on them."
    )
    return push(because, lora="-W", full="-W")


@rule(
    id="retention-keeps-weights",
    strength="M",
    source="by construction (frozen weights forget nothing, adapters come off); Biderman et al. 2024: LoRA forgets "
    "less after code pretraining, no gap after maths; PEFT method comparison: .050 nats for LoRA r32, .030 for full "
    "at LR 1e-5",
    touches=("linear_probe", "lora", "full"),
)
def retention_keeps_weights(facts: Facts) -> Effects | None:
    """Where the model must keep its general ability, leave its weights as they are.

    Frozen features change nothing and an adapter can be taken off. While it is on, LoRA may forget as much as a full
    fine-tuning at a low learning rate, so full is only weakly held back.
    """
    if not facts.brief.retention_required:
        return None
    because = (
        f"Your brief asks {facts.model_name} to keep its general ability; frozen weights keep it, adapters come off."
    )
    return push(because, linear_probe="+M", lora="+W", full="-W")
