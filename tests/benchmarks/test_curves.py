"""The benchmark of curves: what is held out stays out, the record is whole, and the shipped table comes from it."""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
from collections.abc import Iterable
from pathlib import Path

import pytest

curves = pytest.importorskip("benchmarks.curves", reason="the benchmarks are not part of a distribution")
from benchmarks import curve_falls, curve_fit, curve_misses, curve_passing, record_curves  # noqa: E402 - after the skip
from benchmarks.curve_data import (  # noqa: E402
    PUBLISHED,
    REACHES,
    Reach,
    Recorded,
    fellows,
    over_seeds,
    recorded,
    together,
)
from benchmarks.curve_rivals import RIVALS  # noqa: E402
from probes.learning_curve import (  # noqa: E402
    Curve,
    Point,
    calibration,
    calibration_by_mechanism,
    most_left_open,
    prior,
)

ROOT = Path(__file__).parents[2]


def accuracy(dataset: str, scores: list[float], seed: int = 0, model: str = "baseline") -> Recorded:
    return Recorded("accuracy", dataset, model, seed, sizes(scores), tuple(scores), test_rows=2_000)


def loss(dataset: str, values: list[float]) -> Recorded:
    return Recorded("loss", dataset, "made", 0, sizes(values), tuple(values))


def sizes(values: list[float]) -> tuple[int, ...]:
    return tuple(64 << k for k in range(len(values)))


SMOOTH = [2 * (64 << k) ** -0.4 for k in range(6)]
WILD = [0.5, 0.45, 0.4, 0.01, 0.8, 0.01]


def test_a_prediction_knows_nothing_beyond_its_largest_probe() -> None:
    told = {(m.task.known, m.task.factor): m.centre for m in curve_misses.misses([loss("a", SMOOTH)])}
    assert set(told) == {(3, 2), (3, 4), (3, 8), (4, 2), (4, 4), (5, 2)}
    changed = {
        (m.task.known, m.task.factor): m.centre for m in curve_misses.misses([loss("a", [*SMOOTH[:3], 0.9, 0.8, 0.7])])
    }
    assert all(changed[task] == told[task] for task in told if task[0] == 3)
    assert changed[4, 2] != told[4, 2]


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


@pytest.mark.parametrize("reach", REACHES)
def test_what_is_measured_is_what_ships(reach: Reach) -> None:
    """A prediction of the benchmark and that of `Curve.predict`, which takes the shipped prior and widths."""
    rising = [[0.5, 0.6, 0.7, 0.74, 0.77], [0.4, 0.55, 0.6, 0.7, 0.74], [0.6, 0.65, 0.72, 0.78, 0.8]]
    made = [
        accuracy("a", scores, model=model)
        for model, scores in zip(("baseline", "linear_probe", "lora"), rising, strict=True)
    ]
    among, seen = together(made), 0
    for miss in curve_misses.misses(made, prior(), reach):
        own, task = miss.curve, miss.task
        [at] = Curve(
            points=as_points(own, range(task.first, task.end)),
            mechanism=own.mechanism,
            test_rows=own.test_rows,
            fellows=tuple(
                Curve(points=as_points(other, places), mechanism=other.mechanism, test_rows=other.test_rows)
                for other, places in fellows(own, task, reach, among)
            ),
        ).predict([own.sizes[task.target]])
        assert at.value == pytest.approx(1 - math.exp(miss.centre))
        width = calibration_by_mechanism()[own.mechanism]["together"][str(miss.known)]["0.8"][str(task.factor)]
        assert at.low == pytest.approx(1 - math.exp(miss.centre + width * miss.spread))
        seen += 1
    assert seen > 30


def as_points(curve: Recorded, places: Iterable[int]) -> tuple[Point, ...]:
    return tuple(Point(size=curve.sizes[place], score=curve.scores[place]) for place in places)


def test_what_others_do_beyond_their_reach_tells_nothing() -> None:
    own = accuracy("a", [0.5, 0.6, 0.7, 0.75])

    def told(reach: Reach, other: list[float]) -> dict[tuple[int, int, int], float]:
        curves = [own, accuracy("a", other, model="lora")]
        made = [m for m in curve_misses.misses(curves, prior(), reach) if m.curve == own]
        return {(m.task.first, m.task.end, m.task.factor): m.centre for m in made}

    steep, flat = [0.5, 0.7, 0.8, 0.9], [0.5, 0.7, 0.8, 0.8]
    beside, ahead = (
        ({task: (told(reach, steep)[task], told(reach, flat)[task]) for task in told(reach, flat)}) for reach in REACHES
    )
    assert beside[0, 3, 2][0] == beside[0, 3, 2][1]
    assert ahead[0, 3, 2][0] < ahead[0, 3, 2][1]
    assert ahead[0, 2, 2][0] == ahead[0, 2, 2][1]


def test_how_much_curves_share_is_found() -> None:
    """Slopes that are the data set's own, and slopes that are nobody's."""
    import numpy as np

    draw = np.random.default_rng(0)

    def made(own: bool) -> list[Recorded]:
        curves = []
        for k in range(12):
            slopes = np.repeat(draw.normal(-0.2, 0.12), 3) if own else draw.normal(-0.2, 0.12, 3)
            for model, slope in zip(("baseline", "linear_probe", "lora"), slopes, strict=True):
                curves.append(accuracy(f"{k}", [1 - 0.6 * math.exp(slope * n) for n in range(6)], model=model))
        return curves

    assert curve_fit.fit(made(own=True)).shared > 0.5 > curve_fit.fit(made(own=False)).shared


def test_an_interval_is_calibrated_without_its_own_group() -> None:
    """Nine alike, and one like none of them: only its own intervals would be wide enough for it."""
    made = curve_misses.misses([*(loss(f"smooth {k}", SMOOTH) for k in range(9)), loss("wild", WILD)])
    inside = curve_misses.held(made, lambda curve: curve.dataset, 0.8)
    assert not any(inside["wild"])
    assert all(all(own) for name, own in inside.items() if name != "wild")


def test_every_data_set_has_the_same_weight_in_a_width() -> None:
    """Eight seeds of one data set weigh no more than one of another; half a data set more is reckoned with."""
    smooth = [accuracy("smooth", [1 - value for value in SMOOTH], seed) for seed in range(8)]
    made = curve_misses.misses([*smooth, accuracy("wild", [1 - value for value in WILD])], curve_fit.START)
    far = [m for m in made if (m.known, m.task.factor) == (3, 8)]
    near, wild = (max(m.multiple for m in far if m.curve.dataset == name) for name in ("smooth", "wild"))
    assert near < wild / 10
    assert curve_misses.quantiles(made, 0.39).by_task[3, 8] == near
    assert curve_misses.quantiles(made, 0.41).by_task[3, 8] == wild


def test_a_mechanism_that_is_predicted_badly_gets_wider_intervals_and_no_other_does() -> None:
    smooth = [1 - value for value in SMOOTH]
    well = [accuracy(f"{k}", smooth, model="linear_probe") for k in range(12)]
    made = curve_misses.misses(
        [*well, *(accuracy(f"{k}", smooth[::-1], model="lora") for k in range(2))], curve_fit.START
    )
    found = curve_misses.quantiles(made, 0.8)
    assert found.stretch["tuning"] >= 1
    assert found.stretch["frozen_features"] < found.stretch["tuning"] / 2
    tuned = [m for m in made if m.curve.model == "lora"]
    common = curve_misses.inside(tuned, curve_misses.Widths(found.by_task, {}))
    own = curve_misses.inside(tuned, found)
    assert sum(common) < 0.8 * len(tuned) <= sum(own)


def test_the_fit_finds_the_slopes_that_curves_were_made_with() -> None:
    made = [
        accuracy(f"{k}", [1 - start * 2 ** (slope * n) for n in range(6)], model=model)
        for k, start in enumerate((0.6, 0.5, 0.4))
        for model, slope in (("baseline", -0.3), ("linear_probe", -0.1), ("lora", -0.2))
    ]
    found = curve_fit.fit(made)
    nats = {name: slope / math.log(2) for name, slope in found.slopes.items()}
    assert nats == pytest.approx({"bag_of_words": -0.3, "frozen_features": -0.1, "tuning": -0.2}, abs=0.02)
    assert curve_fit.miss(found, curve_fit.stacks(made), 3) < 0.2
    assert curve_fit.miss(curve_fit.START, curve_fit.stacks(made), 3) > 1


def test_a_data_set_held_out_teaches_nothing_about_itself(monkeypatch: pytest.MonkeyPatch) -> None:
    """The fold of a data set stays as it is, whatever that data set's own curves look like."""

    def fold_of_last(last: list[float]) -> tuple[object, ...]:
        made = (*(accuracy(f"{k}", [0.4 + k / 10, 0.5 + k / 10, 0.55 + k / 10]) for k in range(3)), accuracy("z", last))
        for cached in (curve_misses.fitted, curve_misses.folds):
            cached.cache_clear()
        monkeypatch.setattr(curve_misses, "accuracy_curves", lambda of="seeds": made if of == "seeds" else ())
        return next(fold.seen for fold in curve_misses.folds() if fold.dataset == "z")

    try:
        assert fold_of_last([0.1, 0.9, 0.95]) == fold_of_last([0.9, 0.2, 0.1])
    finally:
        for cached in (curve_misses.fitted, curve_misses.folds):
            cached.cache_clear()


def test_an_error_is_a_share_of_a_loss_and_points_of_an_accuracy() -> None:
    [found] = curve_misses.misses([loss("a", [2.0, 2.0, 2.0, 4.0])])
    assert found.error == pytest.approx(50)
    still = curve_fit.START.model_copy(update={"slopes": dict.fromkeys(curve_fit.MECHANISMS, 0.0)})
    found = curve_misses.misses([accuracy("a", [0.5, 0.5, 0.5, 0.6])], still)[0]
    assert found.error == pytest.approx(10)
    assert curve_misses.rival_errors((accuracy("a", [0.5] * 5 + [0.6]),), "last value") == pytest.approx([10])
    assert curve_misses.rival_errors((accuracy("a", [0.5] * 5 + [0.6]),), "last value", 512) == []


def test_the_rivals_find_their_own_curves() -> None:
    import numpy as np

    sizes, targets = np.array([32.0, 64, 128, 256, 512]), np.array([4096.0])
    straight = 2 - 0.2 * np.log(sizes)
    truth = 2 - 0.2 * math.log(4096)
    for name in ("log-linear", "last three, log-linear", "best by leave-last-out"):
        assert RIVALS[name](sizes, straight, targets) == pytest.approx(truth, rel=1e-6)
    bent = 0.3 + 4 / (20 + sizes**0.8)
    assert RIVALS["MMF"](sizes, bent, targets) == pytest.approx(0.3 + 4 / (20 + 4096**0.8), rel=0.02)


def test_means_of_seeds_take_the_sizes_that_all_have() -> None:
    [mean] = over_seeds([accuracy("a", [0.5, 0.6, 0.7]), accuracy("a", [0.7, 0.8], 1), accuracy("b", [0.1])])
    assert (mean.dataset, mean.sizes, mean.seed, mean.seeds) == ("a", (64, 128), None, 2)
    assert mean.scores == pytest.approx((0.6, 0.7))


def test_the_record_is_whole() -> None:
    with record_curves.FILE.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    assert set(rows[0]) == set(record_curves.FIELDS)
    keys = [(row["dataset"], row["strategy"], row["size"], row["seed"]) for row in rows]
    assert len(keys) == len(set(keys))
    assert len({row["dataset"] for row in rows}) >= 10
    assert all(0 <= float(row["score"]) <= 1 and float(row["seconds"]) > 0 and row["versions"] for row in rows)


def test_doublings_alone_are_compared() -> None:
    for curve in recorded():
        assert all(b == 2 * a for a, b in zip(curve.sizes, curve.sizes[1:], strict=False))


@pytest.mark.parametrize(
    "kind",
    [
        "accuracy",
        pytest.param(
            "loss",
            marks=[
                pytest.mark.shared,
                pytest.mark.skipif(not PUBLISHED.is_dir(), reason="no published curves beside the checkout"),
            ],
        ),
    ],
)
def test_the_shipped_table_is_that_of_the_record(kind: str) -> None:
    fresh, kept = curves.calibrated(kind), calibration()[kind]
    assert fresh.keys() == kept.keys()
    for known, levels in fresh.items():
        assert levels.keys() == kept[known].keys()
        for level, widths in levels.items():
            # The search for typical slopes may end a little elsewhere on another machine.
            assert kept[known][level] == pytest.approx(widths, rel=1e-3 if kind == "loss" else 0.05)


def test_the_shipped_tables_of_mechanisms_are_those_of_the_record() -> None:
    fresh, kept = curves.by_mechanism(), calibration_by_mechanism()
    assert fresh.keys() == kept.keys()
    for mechanism, companies in kept.items():
        assert fresh[mechanism].keys() == companies.keys()
        for company, known, level in (
            (c, k, level) for c in companies for k in companies[c] for level in companies[c][k]
        ):
            assert companies[company][known][level] == pytest.approx(fresh[mechanism][company][known][level], rel=0.05)


def test_what_others_left_open_is_that_of_the_record() -> None:
    assert most_left_open() == pytest.approx(curve_misses.most_left_open(), abs=0.02)


def test_a_line_that_was_not_finished_is_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "some" / "recorded.csv"
    assert record_curves.recorded(file) == set()
    row = dict.fromkeys(record_curves.FIELDS, "x") | {"size": 32, "seed": 0}
    record_curves.append(file, row)
    whole = file.read_bytes()
    file.write_bytes(whole + b"x,x,64,0,0.")
    assert record_curves.recorded(file) == {("x", "x", 32, 0)}
    assert file.read_bytes() == whole


def test_a_learning_rate_chosen_on_enough_rows_is_kept(tmp_path: Path) -> None:
    file = tmp_path / "recorded.csv"
    key = ("a", "lora", 2048, 0)
    assert record_curves.chosen_rate(file, key) is None
    for dataset, strategy, size, seed, rate in (
        ("a", "lora", 256, 0, 1e-3),
        ("a", "lora", 1024, 0, 2e-4),
        ("a", "lora", 512, 0, 5e-4),
        ("a", "full", 512, 0, 5e-5),
        ("a", "lora", 512, 1, 1e-4),
        ("b", "lora", 512, 0, 1e-5),
    ):
        row = dict.fromkeys(record_curves.FIELDS, "x")
        found = {
            "dataset": dataset,
            "strategy": strategy,
            "size": size,
            "seed": seed,
            "setting": f"learning_rate={rate:g}",
        }
        record_curves.append(file, row | found)
    assert record_curves.chosen_rate(file, key) == 2e-4
    assert record_curves.chosen_rate(file, ("a", "lora", 1024, 0)) is None


@pytest.mark.parametrize(("width", "missed"), [(100, 0.0), (-100, 100.0)], ids=["wide", "sure that none passes"])
def test_who_passes_with_as_many_rows_is_counted(monkeypatch: pytest.MonkeyPatch, width: float, missed: float) -> None:
    """The linear probe leads from 256 rows on; on 64 and 128 it lies behind what TF-IDF has with 128 and 256."""
    flat, rising = accuracy("a", [0.8] * 4), accuracy("a", [0.7, 0.75, 0.85, 0.9], model="linear_probe")
    made = [miss for miss in curve_misses.misses([rising, flat], curve_fit.START, "ahead") if miss.curve == rising]
    monkeypatch.setattr(curve_passing, "folds", lambda _: [curve_misses.Fold("a", (), tuple(made), ())])
    monkeypatch.setattr(curve_passing, "accuracy_curves", lambda: (flat, rising))
    widths = {(known, factor): width for known in (1, 2, 3) for factor in (2, 4)}
    monkeypatch.setattr(curve_passing, "quantiles", lambda *_: curve_misses.Widths(widths, {}))
    # From 64 rows it is asked about 128 and 256, from 128 (knowing one size or two) about 256 and 512.
    assert sorted(pair.passed for pair in curve_passing.pairs()) == [False, True, True, True, True, True]
    assert curve_passing.shares() == (83.3, missed, missed)


START = curve_fit.START.model_copy(update={"shared": 0.8})


def test_a_choice_by_curves_is_held_against_one_by_scores(monkeypatch: pytest.MonkeyPatch) -> None:
    """With 256 rows the linear probe lies behind TF-IDF with 512, and with 512 ahead, which its curve foretells."""
    lighter = accuracy("a", [0.6, 0.68, 0.74, 0.77])
    heavier = accuracy("a", [0.7, 0.74, 0.765, 0.85], model="linear_probe")

    def folds(reach: Reach | None = None) -> list[curve_misses.Fold]:
        made = curve_misses.misses([lighter, heavier], START, reach)
        return [curve_misses.Fold("a", (), tuple(made), ())]

    monkeypatch.setattr(curve_passing, "folds", folds)
    monkeypatch.setattr(curve_passing, "accuracy_curves", lambda: (lighter, heavier))
    # From 256 rows alone, from the last two and from all three sizes; the lighter one on fewer rows is left out.
    assert len(list(curve_passing.choices())) == 3
    assert curve_passing.regrets() == (8.0, 0.0)
    without, followed = curve_passing.errors_of_expected("frozen_features")
    assert without > followed > 5


def test_falls_are_told_by_tripling_with_every_data_set_counting_the_same() -> None:
    def falling(dataset: str, nats: float, seed: int = 0) -> Recorded:
        return accuracy(dataset, [1 - 0.5 * math.exp(-nats * math.log(2, 3) * k) for k in range(5)], seed)

    made = [*(falling("a", 0.1, seed) for seed in range(9)), falling("b", 0.2), falling("c", 0.3)]
    found = curve_falls.falls(made)["baseline"]
    assert (found["2"]["median"], found["8"]["median"]) == (0.2, 0.2)
    assert (found["2"]["falls"], found["8"]["falls"], found["2"]["datasets"]) == (33, 11, 3)
    assert found["8"]["spread"] == pytest.approx(math.sqrt(10 / 11) / 10, abs=1e-3)


@pytest.mark.model
def test_a_second_command_goes_on_where_the_first_ended(tmp_path: Path, rows_file: Path) -> None:
    (tmp_path / "subjectivity.jsonl").write_bytes(rows_file.read_bytes())
    file = tmp_path / "recorded.csv"

    def record(*strategies: str) -> list[str]:
        flags = ["--datasets", "subjectivity", "--seeds", "1", "--max-rows", "128", "--file", str(file)]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.record_curves", "--budget", "10", *flags, "--strategies", *strategies],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env=os.environ | {"ADVISOR_DATASETS": str(tmp_path)},
        )
        return [" ".join(line.split()[:4]) for line in done.stdout.splitlines()]

    assert record("baseline") == [f"subjectivity baseline {size} 0" for size in (64, 84)]
    first = file.read_text(encoding="utf-8")
    assert record("baseline", "linear_probe") == [f"subjectivity linear_probe {size} 0" for size in (64, 84)]
    assert file.read_text(encoding="utf-8").startswith(first)


@pytest.mark.shared
@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="no published curves beside the checkout")
def test_it_runs_as_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.curves", "--quick", "--json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode in (0, 1), done.stderr
    document = json.loads(done.stdout)
    assert document["loss"]["curves"] == 90
    names = {claim["name"]: claim["value"] for claim in document["claims"]}
    ours, last = (names[f"90 losses, 8×, median relative error in %{rival}"] for rival in ("", ": last value"))
    assert 0 < ours < last
