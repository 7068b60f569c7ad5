"""Whether to transfer at all: what was measured of it, and training from random weights instead."""

from __future__ import annotations

from advisor.facts import Facts
from advisor.rules.base import Effects, Threshold, count, nats, push, rule, spread
from advisor.rules.domain import ONE_LANGUAGE, PRETRAINING_LIFT, PROBE_LIFT, called, language_grade, no_lift_grade
from advisor.rules.groups import TRANSFERS, each

FROM_SCRATCH = Threshold("train_rows", 10_000, 1_000_000, "training rows", "our line")
VERY_MANY = Threshold("train_rows", 1e5, 3e6, "training rows", "our line: about a million")

_FROM_ROWS = nats(no_model="-M", baseline="-M", from_scratch="+S")
_NO_LIFT = nats(baseline="+M", **each([name for name in TRANSFERS if name != "from_scratch"], "-M"))


@rule(
    id="no-lift-no-transfer",
    strength="M",
    source="common practice (negative transfer: the adapted score is not above that of a baseline without transfer)",
    touches=tuple(_NO_LIFT),
    thresholds=(PROBE_LIFT, PRETRAINING_LIFT),
    example={"probe_lift": 0.01, "pretraining_lift": 0.0},
)
def no_lift(facts: Facts) -> Effects | None:
    """Where frozen features are near chance and tuning does no better than random weights, do not transfer.

    Both were measured on the task itself, which is worth more than any sign of distance. Either alone says less:
    features may be near chance and tuning may still learn, and random weights may do as well where rows abound.

    What to do: keep the baseline, or train the architecture from random weights if rows abound.
    """
    if facts.probe_lift is None or facts.pretraining_lift is None:
        return None

    def because() -> str:
        probe, tuned = 100 * (facts.probe_lift or 0), 100 * (facts.pretraining_lift or 0)
        against = f"is ahead of random weights by {tuned:.1f}" if tuned >= 0 else f"{-tuned:.1f} behind random weights"
        return (
            f"A linear probe beats the most frequent class by {probe:.1f} points, and tuning {against}; no pretraining "
            "carries over."
        )

    return spread(because, no_lift_grade(facts), _NO_LIFT)


@rule(
    id="unrelated-domain-from-scratch",
    strength="M",
    source="common practice (train from random weights where transfer fails and rows abound; the band is our line)",
    touches=("from_scratch",),
    thresholds=(FROM_SCRATCH,),
    example={"domain_related": False, "rows": 500_000},
)
def unrelated_from_scratch(facts: Facts) -> Effects | None:
    """In an unrelated domain with very many rows, a model trained from scratch comes into its own.

    Where pretraining gives no lead, only the rows teach, and a network needs many. If frozen features are near chance
    and the tuned model is no better than one from random weights, do not transfer.

    What to do: train the same architecture once from random weights, and compare before you tune any further.
    """
    if facts.domain_related is not False:
        return None
    rows = facts.train_rows
    if rows is None:
        return None
    return push(
        lambda: (
            f"The domain{called(facts)} is unrelated to the pretraining and you have {count(rows, 'training row')}; "
            f"between {FROM_SCRATCH.low:,.0f} and {FROM_SCRATCH.high:,.0f} a model from random weights comes within "
            "reach."
        ),
        FROM_SCRATCH.grade(rows),
        from_scratch="+M",
    )


@rule(
    id="far-domain-very-many-rows",
    strength="S",
    source="arithmetic: a million rows of a hundred tokens are as many tokens as a small network has weights, so the "
    "rows alone can settle them, and more than counts of words can take up (the band is our line)",
    touches=tuple(_FROM_ROWS),
    thresholds=(ONE_LANGUAGE, VERY_MANY),
    example={"language": "zxx", "rows": 5_000_000},
)
def far_with_very_many_rows(facts: Facts) -> Effects | None:
    """Where nothing transfers but about a million rows are at hand, train a network from scratch.

    Counting words stops gaining long before; order and combinations are what a network learns from so many rows. Holds
    in a domain you call unrelated, and for rows that are no natural language.

    What to do: train a small network with a tokenizer of its own on the rows, and keep the baseline to compare with.
    """
    if facts.domain_related is False:
        far = 1.0
    else:
        language = language_grade(facts)
        if language is None:
            return None
        far = 1 - language
    if not far:
        return None
    rows = facts.train_rows
    if rows is None:
        return None
    return spread(
        lambda: (
            f"What {facts.model_name} learned is far from your {count(rows, 'training row')}; from about a million "
            "on, a network can learn from the rows alone what counting words leaves out."
        ),
        far * VERY_MANY.grade(rows),
        _FROM_ROWS,
    )


RULES = (no_lift, unrelated_from_scratch, far_with_very_many_rows)
