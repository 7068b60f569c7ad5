"""Whether transfer is worth it: what is said of chess openings and DNA, far from any language, and of subjectivity.

    python -m benchmarks.far_domains [--quick] [--json]

The light strategies learn from all rows, where TF-IDF has known scores to reach; then all of them, tuned ones included,
from a few hundred rows.
"""

from __future__ import annotations

from dataclasses import dataclass

from benchmarks.common import Claim, main
from benchmarks.probing import probe, score, verdict
from strategies import Outcome

LIGHT = ["baseline", "linear_probe"]
ALL = [*LIGHT, "lora", "full"]


@dataclass(frozen=True)
class Case:
    """A data set and what should be said of it."""

    name: str
    strategies: list[str]
    rows: int | None
    """Training rows; None takes all."""
    budget: float
    """Seconds."""
    wanted: tuple[Outcome, ...]
    """Verdicts on the baseline that are right; REFUTED means that transfer is worth it."""
    plain: float | None = None
    """Score that TF-IDF must reach for the comparison to be a fair one."""


NOT_WORTH_IT = (Outcome.CONFIRMED,)
WORTH_IT = (Outcome.REFUTED,)
EITHER = NOT_WORTH_IT + WORTH_IT  # known to nobody beforehand
CASES = (
    Case("chess_openings", LIGHT, None, 120, NOT_WORTH_IT, plain=0.96),
    Case("chess_openings", ALL, 600, 480, NOT_WORTH_IT),
    Case("dna_splice", LIGHT, None, 120, EITHER, plain=0.70),
    Case("dna_splice", ALL, 600, 480, EITHER),
    Case("subjectivity", ALL, 500, 720, WORTH_IT),
)
# At 600 rows the linear probe alone leaves subjectivity undecided; the quick run takes a size where it is decided.
QUICK = (
    Case("chess_openings", LIGHT, 600, 38, NOT_WORTH_IT),
    Case("dna_splice", LIGHT, 600, 38, EITHER),
    Case("subjectivity", LIGHT, 200, 38, WORTH_IT),
)


def measure(quick: bool) -> list[Claim]:
    """Measure the claims; quick takes 600 training rows at most and the light strategies."""
    return [claim for case in (QUICK if quick else CASES) for claim in _claims(case)]


def _claims(case: Case) -> list[Claim]:
    result = probe(case.name, case.budget, strategies=case.strategies, train_rows=case.rows)
    where = f"{case.name}, {f'{case.rows:,}' if case.rows else 'all'} rows"
    claims = []
    for name in case.strategies:
        value = score(result, name)
        goal = case.plain if name == "baseline" else None
        holds = value is not None and value >= (goal or 0.0)
        claims.append(Claim(f"{where}: {name}", value, f"≥ {goal}" if goal else "measured", holds))
    choice = result.recommendation
    goals = {
        NOT_WORTH_IT: "not worth it: the baseline is confirmed",
        WORTH_IT: "worth it: the baseline is refuted",
        EITHER: "a decision either way",
    }
    holds = verdict(result, "baseline").verdict in case.wanted
    claims.append(Claim(f"{where}: what is said", choice.transfer if choice else None, goals[case.wanted], holds))
    return claims


if __name__ == "__main__":
    main("far_domains", measure)
