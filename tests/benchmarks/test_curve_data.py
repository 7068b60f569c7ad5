"""What a prediction may know: its own curve, others of the same data and seed, and means of seeds."""

from __future__ import annotations

import pytest

pytest.importorskip("benchmarks.curves", reason="the benchmarks are not part of a distribution")
from benchmarks.curve_data import Reach, fellows, over_seeds, recorded, together
from tests.benchmarks.made_curves import accuracy


def test_of_an_accuracy_one_two_or_three_sizes_anywhere_are_asked_about_too() -> None:
    tasks = [*accuracy("a", [0.5] * 5).tasks(), *accuracy("a", [0.5] * 5).short_tasks()]
    asked = {(task.first, task.end, task.factor) for task in tasks}
    assert len(asked) == len(tasks)
    assert {(0, 3, 2), (0, 3, 4), (0, 4, 2), (1, 4, 2), (2, 4, 2), (3, 4, 2), (0, 1, 16), (0, 2, 8), (1, 2, 8)} <= asked
    assert all(task.target >= task.end for task in tasks)


@pytest.mark.parametrize(
    ("reach", "places"),
    [
        pytest.param("beside", (1, 2, 3), id="as far as the largest probe"),
        pytest.param("ahead", (3, 4, 5), id="as far as the target"),
    ],
)
def test_others_of_the_same_data_and_seed_are_known_at_three_sizes(reach: Reach, places: tuple[int, ...]) -> None:
    curve, other = accuracy("a", [0.5] * 6), accuracy("a", [0.6] * 6, model="lora")
    short = accuracy("a", [0.6], model="linear_probe")
    among = together([curve, other, short, accuracy("a", [0.6] * 6, 1, "lora"), accuracy("b", [0.6] * 6, model="lora")])
    task = next(task for task in curve.tasks() if (task.end, task.factor) == (4, 4))
    assert fellows(curve, task, reach, among) == [(other, places)]
    first = next(task for task in curve.short_tasks() if (task.end, task.factor) == (1, 2))
    assert fellows(curve, first, reach, among) == ([] if reach == "beside" else [(other, (0, 1))])


def test_means_of_seeds_take_the_sizes_that_all_have() -> None:
    [mean] = over_seeds([accuracy("a", [0.5, 0.6, 0.7]), accuracy("a", [0.7, 0.8], 1), accuracy("b", [0.1])])
    assert (mean.dataset, mean.sizes, mean.seed, mean.seeds) == ("a", (64, 128), None, 2)
    assert mean.scores == pytest.approx((0.6, 0.7))


def test_doublings_alone_are_compared() -> None:
    for curve in recorded():
        assert all(b == 2 * a for a, b in zip(curve.sizes, curve.sizes[1:], strict=False))
