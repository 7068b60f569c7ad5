"""What is said to settle a comparison settles it."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from probes.comparison import compare
from probes.power import Gap
from tests.probes.made_gaps import gap


@pytest.mark.parametrize(("gained", "lost", "tolerance"), [(0.03, 0.08, 0.02), (0.05, 0.05, 0.03), (0.0, 0.0, 0.01)])
def test_the_rows_said_to_settle_do_settle_in_four_of_five_worlds(gained: float, lost: float, tolerance: float) -> None:
    """The candidate is right alone on a share of the rows, and wrong alone on another."""

    def world(rows: int, counts: list[int]) -> tuple[bool, Gap]:
        one = np.repeat([0, 1, 0], counts)
        best = np.repeat([1, 0, 0], counts)
        found = compare("accuracy", np.zeros(rows, np.int64), [[one], [best]], tolerance)[0]
        assert found.gap is not None
        return found.confirmed or found.refuted, found.gap

    few = [round(100 * gained), round(100 * lost)]
    settled, seen = world(100, [*few, 100 - sum(few)])
    rows = seen.rows_to_settle()
    assert rows is not None and not settled
    rng = np.random.default_rng(0)
    worlds = 300
    shares = [gained, lost, 1 - gained - lost]
    share = np.mean([world(rows, rng.multinomial(rows, shares).tolist())[0] for _ in range(worlds)])
    assert share >= 0.8 - 3 * (0.8 * 0.2 / worlds) ** 0.5
    half = np.mean([world(rows // 2, rng.multinomial(rows // 2, shares).tolist())[0] for _ in range(worlds)])
    assert half < 0.8  # no more are asked for than it takes


@pytest.mark.parametrize("both", [False, True])
def test_the_seeds_said_to_settle_do_settle_in_four_of_five_worlds(both: bool) -> None:
    truth, rival, spread, rows, tolerance = 0.84, 0.88, 0.014, 4_000, 0.01
    variance = truth * (1 - truth) + rival * (1 - rival)
    seen = gap(
        distance=truth - rival + tolerance,
        rows=rows,
        row_variance=variance,
        seed_variances=(spread**2, spread**2 if both else 0.0),
    )
    seeds = seen.seeds_to_settle()
    assert seeds is not None
    rng = np.random.default_rng(1)
    labels = np.zeros(rows, np.int64)

    def settled(count: int) -> bool:
        def runs(score: float, number: int, sd: float) -> list[Any]:
            return [(rng.random(rows) > rng.normal(score, sd)).astype(np.int64) for _ in range(number)]

        sides = [runs(truth, count, spread), runs(rival, count if both else 1, spread if both else 0.0)]
        return compare("accuracy", labels, sides, tolerance, seeded=[True, both])[0].refuted

    worlds = 200
    assert np.mean([settled(seeds) for _ in range(worlds)]) >= 0.8 - 3 * (0.8 * 0.2 / worlds) ** 0.5
    assert np.mean([settled(1) for _ in range(worlds)]) < 0.5


def test_smaller_distances_and_wider_differences_take_more_rows() -> None:
    by_distance = [gap(distance=d).rows_to_settle() for d in (0.08, 0.04, -0.02, 0.01)]
    assert by_distance == sorted(by_distance, key=lambda rows: rows or 0)
    by_spread = [gap(row_variance=v).rows_to_settle() for v in (0.01, 0.05, 0.1, 0.5)]
    assert by_spread == sorted(by_spread, key=lambda rows: rows or 0)
    assert gap(distance=-0.02).rows_to_settle() == gap(distance=0.02).rows_to_settle()


def test_what_shows_already_needs_no_more_rows() -> None:
    open_gap = gap()
    shown = open_gap.detectable()
    assert gap(distance=shown).rows_to_settle() == pytest.approx(500, abs=1)
    assert open_gap.detectable(5_000) < shown


def test_a_tie_at_the_edge_is_settled_by_nothing() -> None:
    tie = gap(distance=0.0, seed_variances=(1e-4, 0.0))
    assert (tie.rows_to_settle(), tie.seeds_to_settle(), tie.both_to_settle()) == (None, None, None)


def test_where_seeds_differ_more_than_candidates_rows_alone_do_not_settle() -> None:
    seeds_matter = gap(seed_variances=(0.014**2, 0.0))
    assert seeds_matter.rows_to_settle() is None
    assert seeds_matter.seeds_to_settle() is None  # 500 rows are too few for 2 points
    both = seeds_matter.both_to_settle()
    assert both is not None
    seeds, rows = both
    assert seeds_matter.with_seeds(seeds).detectable(rows) <= 0.02
    assert seeds_matter.with_seeds(seeds).detectable(rows - 1) > 0.02


def test_fewer_than_three_seeds_tell_less_than_their_number_says() -> None:
    by_seeds = [gap(seed_variances=(0.014**2, 0.0), seeds=(seeds, 1), rows=10**6) for seeds in (1, 2, 3, 5)]
    assert [open_gap.assumed for open_gap in by_seeds] == [True, True, False, False]
    one, two, three, five = (open_gap.seed_part * open_gap.seeds[0] for open_gap in by_seeds)
    assert one == two > 2 * three
    assert three == pytest.approx(five)
    assert by_seeds[0].with_seeds(3) == by_seeds[2], "what is told of more seeds does not take them for few"


def test_a_rival_that_gets_no_more_seeds_keeps_those_it_has() -> None:
    both = gap(seed_variances=(0.01**2, 0.01**2), distance=0.06, rows=5_000)
    closed = both.model_copy(update={"rival_is_open": False})
    assert (both.with_seeds(5).seeds, closed.with_seeds(5).seeds) == ((5, 5), (5, 1))
    assert (both.seeds_that_count, closed.seeds_that_count) == ((1, 1), (1,))
    assert both.seeds_to_settle() is not None
    assert closed.seeds_to_settle() is None
    own_seed_fixed = closed.model_copy(update={"seed_variances": (0.0, 0.01**2)})
    assert (own_seed_fixed.assumed, own_seed_fixed.seeds_to_settle()) == (False, None)


def test_seeds_of_what_does_not_depend_on_them_stay_as_they_are() -> None:
    assert gap(seed_variances=(0.0, 1e-4)).with_seeds(5).seeds == (1, 5)
    assert gap().seeds_to_settle() is None
