"""Whether the ladder decides in a tenth of the time as the grid it replaces does, where rows make two rungs.

    python -m benchmarks.decision [--quick] [--json]

The grid measures every learning rate and five seeds of each candidate at all rows; the ladder is `advisor probe` as a
command, imports and all, on the same rows. Both are judged by the same rules. Below 1,500 rows there is one rung, and a
tenth of the grid's time is less than one fit for each learning rate of each candidate: `benchmarks.ladder` has that
case. A full run takes one to two hours on two cores, and one that was cut off goes on where it ended; --quick compares
light strategies on 100 rows.
"""

from __future__ import annotations

import tempfile
from pathlib import Path

from benchmarks.common import Claim, main
from benchmarks.exhaustive_grid import SEEDS, STRATEGIES, TOLERANCE, Decided, by_grid, by_ladder, rows_file
from benchmarks.kept import Kept

SHARE = 0.1
"""Of the grid's time, which the ladder gets."""


def measure(quick: bool) -> list[Claim]:
    """Measure the claims."""
    return small_decision() if quick else decision("banking77", 1_500, 300, 1_000, Kept("decision"))


def decision(name: str, train: int, validation: int, test: int, kept: Kept) -> list[Claim]:
    """Decide by the grid, then by the ladder in a tenth of the time, on a sample with so many rows in each split."""
    with tempfile.TemporaryDirectory() as folder:
        file = rows_file(name, Path(folder), train, validation, test)
        grid = by_grid(file, STRATEGIES, SEEDS, kept)
        ladder = by_ladder(file, STRATEGIES, SHARE * grid.seconds)
    where = f"{name}, {train:,} rows"
    share = round(ladder.seconds / grid.seconds, 3)
    behind = None
    if grid.choice in grid.scores and ladder.choice in grid.scores:
        behind = round(100 * (grid.scores[grid.choice] - grid.scores[ladder.choice]), 2)
    scores = ", ".join(f"{strategy} {score:.3f}" for strategy, score in grid.scores.items())
    chosen, goal = f"{ladder.choice} ({ladder.verdict})", f"what the grid does: {grid.choice} ({grid.verdict})"
    return [
        Claim(f"{where}: seconds of the grid", round(grid.seconds), "reported", None),
        Claim(f"{where}: of these, in an earlier run that was cut off", round(kept.seconds), "reported", None),
        Claim(f"{where}: accuracy in the grid, means of seeds", scores, "reported", None),
        Claim(f"{where}: the ladder's share of the grid's seconds", share, f"≤ {SHARE}", share <= SHARE),
        Claim(f"{where}: the ladder chooses", chosen, goal, _same(ladder, grid)),
        Claim(
            f"{where}: points the ladder's choice lies below the grid's, as the grid measured both",
            behind,
            "≤ 1, the tolerance",
            None if behind is None else behind <= 100 * TOLERANCE,
        ),
    ]


def _same(ladder: Decided, grid: Decided) -> bool:
    return ladder.choice is not None and ladder.choice == grid.choice


def small_decision() -> list[Claim]:
    """Decide between the light strategies on 100 rows, with the time that the ladder needs to start."""
    light = ("baseline", "linear_probe")
    with tempfile.TemporaryDirectory() as folder:
        file = rows_file("subjectivity", Path(folder), 100, 60, 100)
        grid, ladder = by_grid(file, light, 1, Kept(None)), by_ladder(file, light, 45)
    return [Claim("the ladder chooses", ladder.choice, f"what the grid does: {grid.choice}", _same(ladder, grid))]


if __name__ == "__main__":
    main("decision", measure)
