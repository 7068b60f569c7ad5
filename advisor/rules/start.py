"""Where every strategy starts before anything is known about the task."""

from __future__ import annotations

from advisor.facts import Facts
from advisor.rules.base import Effect, Effects, rule

PRIOR: dict[str, float] = {
    "baseline": 0.5,
    "zero_shot": 0.3,
    "few_shot": 0.1,
    "linear_probe": -0.1,
    "lora": -0.3,
    "full": -0.5,
}
"""Log-odds of each strategy before any fact, lightest first: one weak reason (.4 nats) is worth two steps."""


@rule(
    id="lightest-first",
    strength="M",
    source="common practice (start with the lightest strategy that may do)",
    touches=tuple(PRIOR),
)
def lightest_first(facts: Facts) -> Effects:  # noqa: ARG001 - true whatever the facts
    """Start with the lightest strategy.

    Before anything is known, a strategy that takes less work, training and upkeep is the better bet: if it does the
    job, nothing heavier is needed. This is the prior: equal steps from the baseline that transfers nothing, over
    prompting and frozen features, to full fine-tuning. All other rules add to it.
    """
    places = {strategy: place for place, strategy in enumerate(PRIOR, start=1)}
    return tuple(
        Effect(
            strategy=strategy,
            kind="log_odds",
            log_odds=value,
            because=f"Start with the lightest: by weight this is number {places[strategy]} of {len(PRIOR)} strategies.",
        )
        for strategy, value in PRIOR.items()
    )
