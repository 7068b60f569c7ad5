"""Tuning: a part of the weights or all of them."""

from __future__ import annotations

from advisor.facts import Facts
from advisor.rules.base import Effects, Threshold, count, nats, rule, spread
from advisor.rules.groups import LIGHT, LORAS, PARTIAL, TRAINED, WHOLE, each

LOW_RESOURCE = Threshold("train_rows", 500, 2_000, "training rows", "our line (1,000) for Chen et al.'s low resource")
HIGH_RESOURCE = Threshold("train_rows", 5_000, 20_000, "training rows", "our line (10,000) for Chen et al.'s high one")
CONFLICTS = Threshold("conflict_share", 0.005, 0.02, "of the rows", "our line (1 %)")

_NOT_ALL = nats(**each(WHOLE, "-M"))
_ALL = nats(**each(WHOLE, "+M"))
_CONFLICTING = nats(**each(TRAINED, "-W"))


@rule(
    id="encoder-under-1000-peft",
    strength="M",
    source="Chen et al. 2022 (abstract): on encoders, parameter-efficient tuning wins only in low resource (the "
    "1,000 rows are our line)",
    touches=WHOLE,
    thresholds=(LOW_RESOURCE,),
    example={"model_kind": "encoder", "rows": 500},
)
def encoder_under_1000(facts: Facts) -> Effects | None:
    """Under about 1,000 training rows, tune an encoder by adapters rather than in full.

    All its weights are more than so few rows can settle; an adapter has a hundredth of them.

    What to do: prefer LoRA, and train the classification head with it.
    """
    if not facts.text_encoder:
        return None
    rows = facts.train_rows
    if rows is None or rows >= LOW_RESOURCE.high:
        return None
    return spread(
        lambda: (
            f"With {count(rows, 'training row')} for {facts.model_name}, an encoder, parameter-efficient tuning tends "
            f"to win; full fine-tuning catches up {LOW_RESOURCE.band}."
        ),
        1 - LOW_RESOURCE.grade(rows),
        _NOT_ALL,
    )


@rule(
    id="encoder-over-10000-full",
    strength="M",
    source="Chen et al. 2022 (abstract): on encoders, full fine-tuning is best at medium and high resource (the "
    "10,000 rows are our line)",
    touches=WHOLE,
    thresholds=(HIGH_RESOURCE,),
    example={"model_kind": "encoder", "rows": 40_000},
)
def encoder_over_10000(facts: Facts) -> Effects | None:
    """Over about 10,000 training rows, tune an encoder in full.

    Encoders are small enough to tune whole, and with that many rows every weight has something to learn.

    What to do: tune in full, and keep LoRA for the case that many tasks share one encoder.
    """
    if not facts.text_encoder:
        return None
    rows = facts.train_rows
    if rows is None or rows <= HIGH_RESOURCE.low:
        return None
    return spread(
        lambda: (
            f"With {count(rows, 'training row')} for {facts.model_name}, an encoder, full fine-tuning tends to win "
            f"({HIGH_RESOURCE.band} it draws ahead)."
        ),
        HIGH_RESOURCE.grade(rows),
        _ALL,
    )


@rule(
    id="conflicting-labels-keep-it-simple",
    strength="W",
    source="common practice (large models learn wrong labels by heart; the 1 % is our line)",
    touches=TRAINED,
    thresholds=(CONFLICTS,),
    example={"rows": 2_000, "conflict_share": 0.02},
)
def conflicting_labels(facts: Facts) -> Effects | None:
    """Where about one text in a hundred stands with several labels, tune less.

    The labels disagree with themselves; the more weights are free, the more of the disagreement is learned by heart.

    What to do: settle the labels of these texts before tuning many weights on them.
    """
    share = facts.conflict_share
    if share is None or share <= CONFLICTS.low:
        return None

    def because() -> str:
        of = "your rows" if not facts.rows else f"your {count(facts.rows, 'row')}"
        return (
            f"More than one label stands with texts in {share:.1%} of {of}; mend the labels before tuning many weights "
            "on them."
        )

    return spread(because, CONFLICTS.grade(share), _CONFLICTING)


@rule(
    id="retention-keeps-weights",
    strength="M",
    source="by construction (frozen weights forget nothing, adapters come off); Biderman et al. 2024: LoRA forgets "
    "less after code pretraining, no gap after maths; PEFT method comparison: .050 nats for LoRA r32, .030 for full "
    "at LR 1e-5",
    touches=(
        "zero_shot", "few_shot", "few_shot_retrieved", "many_shot", "retrieval", "linear_probe",
        *TRAINED,
    ),
    example={"retention_required": True},
)  # fmt: skip
def retention_keeps_weights(facts: Facts) -> Effects | None:
    """Where the model must keep its general ability, leave its weights as they are.

    Prompts and frozen features change nothing and an adapter can be taken off. While it is on, LoRA may forget as much
    as a full fine-tuning at a low learning rate, so moving the weights themselves is only weakly held back.

    What to do: keep the adapter apart from the weights, and measure nats per token on general text before and after.
    """
    if not facts.retention_required:
        return None
    return spread(
        lambda: (
            f"Your brief asks {facts.model_name} to keep its general ability; frozen weights keep it, adapters "
            "come off."
        ),
        1.0,
        _KEEPS,
    )


_KEEPS = (
    nats(**each(("zero_shot", "few_shot", "few_shot_retrieved", "many_shot", "retrieval", "linear_probe"), "+M"))
    | nats(**each((*LIGHT, *LORAS), "+W"))
    | nats(**each((*PARTIAL, *WHOLE), "-W"))
)

RULES = (
    encoder_under_1000,
    encoder_over_10000,
    conflicting_labels,
    retention_keeps_weights,
)
