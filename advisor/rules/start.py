"""Where every strategy starts before anything is known about the task."""

from __future__ import annotations

from functools import partial

from advisor.facts import Facts
from advisor.rules.base import Effect, Effects, rule

PRIOR: dict[str, float] = {
    "no_model": -1.6,
    "baseline": 0.5,
    "zero_shot": 0.3,
    "few_shot": 0.1,
    "few_shot_retrieved": -0.5,
    "many_shot": -0.6,
    "retrieval": -1.6,
    "linear_probe": -0.1,
    "setfit": -0.6,
    "prompt_tuning": -1.6,
    "ia3": -0.6,
    "lora": -0.3,
    "qlora": -0.8,
    "dora": -0.9,
    "early_layers": -1.2,
    "top_layers": -0.9,
    "full": -0.5,
    "distillation": -2.2,
    "domain_alignment": -2.4,
    "tapt": -1.6,
    "dapt": -1.6,
    "from_scratch": -2.6,
}
"""Log-odds of each strategy before any fact, lightest first.

The six that suit most tasks take equal steps of .2 from the baseline to full fine-tuning, so that one weak reason (.4
nats) is worth two steps. A special form starts below the plain one it is a form of, because it needs a reason: a weak
one for variants, a strong one where it changes what is built, and more than one where other texts or models take part.
"""


@rule(
    id="lightest-first",
    strength="S",
    source="common practice (start with the lightest strategy that may do)",
    touches=tuple(PRIOR),
    example={},
)
def lightest_first(facts: Facts) -> Effects:  # noqa: ARG001 - true whatever the facts
    """Start with the lightest strategy.

    Before anything is known, a strategy that takes less work, training and upkeep is the better bet: if it does the
    job, nothing heavier is needed. This is the prior: equal steps from the baseline that transfers nothing, over
    prompting and frozen features, to full fine-tuning; special forms start below the plain one. All other rules add
    to it.

    What to do: read the other reasons against this one.
    """
    return _EFFECTS


def _place(place: int) -> str:
    return f"Start with the lightest: by weight this is number {place} of {len(PRIOR)} strategies."


_EFFECTS: Effects = tuple(
    Effect(partial(_place, place), {strategy: value}) for place, (strategy, value) in enumerate(PRIOR.items(), start=1)
)

RULES = (lightest_first,)
