"""The benchmark of curves: the shipped tables come from it, and it runs as a command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

curves = pytest.importorskip("benchmarks.curves", reason="the benchmarks are not part of a distribution")
from benchmarks import curve_misses  # noqa: E402 - after the skip
from benchmarks.curve_data import PUBLISHED  # noqa: E402
from probes.learning_curve import calibration, calibration_by_mechanism, most_left_open  # noqa: E402

ROOT = Path(__file__).parents[2]


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
    assert most_left_open() == pytest.approx(curve_misses.left_open_at_most(), abs=0.02)


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
