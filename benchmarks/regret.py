"""What the ladder's choice costs against training everything, on several kinds of data, in a tenth of the time.

    python -m benchmarks.regret [--quick] [--json]

For each data set, 600 rows, the whole grid (`benchmarks.exhaustive_grid`: every learning rate and five seeds of each
candidate on MiniLM, all rows) and then `advisor probe` as a command with a tenth of the grid's time. Regret is the best
mean of seeds in the grid less that of the choice, in points. Beside the ladder stand rules of thumb that measure
nothing, and the grid's own choice, which takes the lightest within the tolerance of one point. A full run takes two
hours and more on two cores; --quick compares light strategies on 100 rows.
"""

from __future__ import annotations

from statistics import fmean

from benchmarks.common import Claim, main
from benchmarks.decision import claims, decide, same, small_decision
from benchmarks.exhaustive_grid import TOLERANCE, Decided

QUESTIONS = {
    "chess_openings": "moves, no words",
    "code_comments_python": "short comments, classes overlap",
    "afrisenti_swahili": "a language the model has not read",
    "sentence_polarity": "sentiment, near the model's domain",
}
"""Data sets, and what they stand for."""

ROWS = (600, 200, 700)
"""Training, validation and test rows at most."""

THUMB = {
    "always the baseline": "baseline",
    "always the linear probe": "linear_probe",
    "100 to 10,000 rows: LoRA": "lora",
    "always full fine-tuning": "full",
}
"""Rules that look at no measurement, and what they choose."""


def measure(quick: bool) -> list[Claim]:
    """Measure the claims."""
    if quick:
        return small_decision()
    decided = {name: decide(name, *ROWS) for name in QUESTIONS}
    each = [claim for name, both in decided.items() for claim in claims(name, *both)]
    return each + together([grid for grid, _ in decided.values()], [ladder for _, ladder in decided.values()])


def together(grids: list[Decided], ladders: list[Decided]) -> list[Claim]:
    """Claim what holds over all questions."""
    pairs = list(zip(grids, ladders, strict=True))
    agree = sum(same(ladder, grid) for grid, ladder in pairs)
    regrets = [regret(grid, ladder.choice) for grid, ladder in pairs]
    wrong = [
        f"{ladder.choice} ({points:.2f})"
        for ladder, points in zip(ladders, regrets, strict=True)
        if ladder.verdict == "CONFIRMED" and points > 100 * TOLERANCE
    ]
    mean = _mean(regrets)
    found = [
        Claim("questions where the ladder chooses what the grid does", f"{agree} of {len(pairs)}", "reported", None),
        Claim("CONFIRMED by the ladder and beyond the tolerance", ", ".join(wrong) or "none", "none", not wrong),
        Claim("regret, mean: the ladder", mean, "≤ 1, the tolerance", mean <= 100 * TOLERANCE),
        Claim("regret, largest: the ladder", round(max(regrets), 2), "reported", None),
        Claim("regret, mean: the grid's choice", _mean([regret(g, g.choice) for g in grids]), "reported", None),
    ]
    for rule, strategy in THUMB.items():
        own = [regret(grid, strategy) for grid in grids]
        found.append(Claim(f"regret, mean and largest: {rule}", f"{_mean(own)}, {max(own):.2f}", "reported", None))
    return found


def regret(grid: Decided, strategy: str | None) -> float:
    """Return by how many points the best in the grid lies ahead of a strategy, or of none chosen at all.

    Examples
    --------
    >>> grid = Decided(choice="full", verdict="CONFIRMED", seconds=1.0, scores={"baseline": 0.5, "full": 0.75})
    >>> regret(grid, "baseline"), regret(grid, "full")
    (25.0, 0.0)
    """
    chosen = grid.scores[strategy] if strategy else min(grid.scores.values())
    return 100 * (max(grid.scores.values()) - chosen)


def _mean(points: list[float]) -> float:
    return round(fmean(points), 2)


if __name__ == "__main__":
    main("regret", measure)
