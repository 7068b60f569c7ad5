"""The benchmark of curves: what is held out stays out, the record is whole, and the shipped table comes from it."""

from __future__ import annotations

import csv
import json
import math
import os
import subprocess
import sys
from pathlib import Path

import pytest

curves = pytest.importorskip("benchmarks.curves", reason="the benchmarks are not part of a distribution")
from benchmarks import record_curves  # noqa: E402 - after the skip
from benchmarks.curve_data import PUBLISHED, Recorded, over_seeds, recorded  # noqa: E402
from benchmarks.curve_rivals import RIVALS  # noqa: E402
from probes.learning_curve import calibration  # noqa: E402

ROOT = Path(__file__).parents[2]


def accuracy(dataset: str, scores: list[float], seed: int = 0) -> Recorded:
    return Recorded("accuracy", dataset, "made", seed, tuple(32 << k for k in range(len(scores))), tuple(scores))


SMOOTH = [1 - 2 * (32 << k) ** -0.4 for k in range(6)]
WILD = [0.5, 0.55, 0.6, 0.99, 0.2, 0.99]


def test_a_prediction_knows_nothing_beyond_its_largest_probe() -> None:
    told = {(m.known, m.factor): m.centre for m in curves.misses([accuracy("a", SMOOTH)])}
    assert set(told) == {(3, 2), (3, 4), (3, 8), (4, 2), (4, 4), (5, 2)}
    changed = {(m.known, m.factor): m.centre for m in curves.misses([accuracy("a", [*SMOOTH[:3], 0.1, 0.2, 0.3])])}
    assert all(changed[task] == told[task] for task in told if task[0] == 3)
    assert changed[4, 2] != told[4, 2]


def test_an_interval_is_calibrated_without_its_own_group() -> None:
    """Nine alike, and one like none of them: only its own intervals would be wide enough for it."""
    made = curves.misses([*(accuracy(f"smooth {k}", SMOOTH) for k in range(9)), accuracy("wild", WILD)])
    inside = curves.held(made, curves.by_dataset, 0.8)
    assert not any(inside["wild"])
    assert all(all(own) for name, own in inside.items() if name != "wild")


@pytest.mark.parametrize(
    ("values", "level", "expected"),
    [([1.0] * 8 + [5.0], 0.8, 1.0), ([1.0] * 7 + [5.0], 0.9, 5.0), ([2.0], 0.95, 2.0), ([3.0, 1.0, 2.0], 0.5, 2.0)],
)
def test_the_quantile_counts_the_one_to_come(values: list[float], level: float, expected: float) -> None:
    assert curves.quantile(values, level) == expected


def test_an_error_is_a_share_of_a_loss_and_points_of_an_accuracy() -> None:
    loss = Recorded("loss", "a", "m", 0, (10, 20, 40, 80), (2.0, 2.0, 2.0, 4.0))
    assert curves.misses([loss])[0].error == pytest.approx(50)
    flat = accuracy("a", [0.5, 0.5, 0.5, 0.6])
    assert curves.misses([flat])[0].error == pytest.approx(10)
    assert curves.rival_errors([accuracy("a", [0.5] * 5 + [0.6])], "last value") == pytest.approx([10])


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
    assert (mean.dataset, mean.sizes, mean.seed) == ("a", (32, 64), None)
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
    fresh = curves.calibrated(kind)
    assert fresh.keys() == calibration()[kind].keys()
    for level, widths in fresh.items():
        assert calibration()[kind][level] == pytest.approx(widths, rel=1e-3)


def test_a_line_that_was_not_finished_is_cut_off(tmp_path: Path) -> None:
    file = tmp_path / "some" / "recorded.csv"
    assert record_curves.recorded(file) == set()
    row = dict.fromkeys(record_curves.FIELDS, "x") | {"size": 32, "seed": 0}
    record_curves.append(file, row)
    whole = file.read_bytes()
    file.write_bytes(whole + b"x,x,64,0,0.")
    assert record_curves.recorded(file) == {("x", "x", 32, 0)}
    assert file.read_bytes() == whole


@pytest.mark.model
def test_a_second_command_goes_on_where_the_first_ended(tmp_path: Path, rows_file: Path) -> None:
    (tmp_path / "subjectivity.jsonl").write_bytes(rows_file.read_bytes())
    file = tmp_path / "recorded.csv"

    def record(*strategies: str) -> list[str]:
        flags = ["--datasets", "subjectivity", "--seeds", "1", "--max-rows", "64", "--file", str(file)]
        done = subprocess.run(
            [sys.executable, "-m", "benchmarks.record_curves", "--budget", "10", *flags, "--strategies", *strategies],
            capture_output=True,
            text=True,
            check=True,
            cwd=ROOT,
            env=os.environ | {"ADVISOR_DATASETS": str(tmp_path)},
        )
        return [" ".join(line.split()[:4]) for line in done.stdout.splitlines()]

    assert record("baseline") == [f"subjectivity baseline {size} 0" for size in (32, 64)]
    first = file.read_text(encoding="utf-8")
    assert record("baseline", "linear_probe") == [f"subjectivity linear_probe {size} 0" for size in (32, 64)]
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
