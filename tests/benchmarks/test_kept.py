"""A benchmark that was cut off goes on where it ended, and one that ended begins anew."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

pytest.importorskip("benchmarks.kept", reason="the benchmarks are not part of a distribution")
from benchmarks.exhaustive_grid import by_grid
from benchmarks.kept import Kept
from probes import measuring
from probes.measurement import Measurement
from tests.strategies.made_evidence import measurement


@pytest.fixture(autouse=True)
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("ADVISOR_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def never() -> Measurement:
    raise AssertionError("it was measured again")


def of(score: float) -> Callable[[], Measurement]:
    return lambda: measurement(score=score)


def test_what_was_measured_is_not_measured_again_until_the_benchmark_ended(
    capsys: pytest.CaptureFixture[str],
) -> None:
    first = Kept("made")
    assert first.measured(of(0.8), "rows", 0).score == 0.8
    assert first.seconds == 0
    assert capsys.readouterr().err == "rows, full, 1,000 rows, seed 0: 0.8000\n"
    second = Kept("made")
    assert second.measured(never, "rows", 0).score == 0.8
    assert second.seconds == measurement().seconds
    assert capsys.readouterr().err == "rows, full, 1,000 rows, seed 0: 0.8000, of an earlier run\n"
    assert second.measured(of(0.7), "rows", 1).score == 0.7
    assert Kept("other").measured(of(0.6), "rows", 0).score == 0.6
    second.forget()
    assert Kept("made").measured(of(0.5), "rows", 0).score == 0.5
    assert Kept("other").measured(never, "rows", 0).score == 0.6


def test_a_quick_run_keeps_nothing(cache: Path) -> None:
    quick = Kept(None)
    assert quick.measured(of(0.8), "rows").score == 0.8
    assert quick.measured(of(0.7), "rows").score == 0.7
    quick.forget()
    assert not cache.exists()


def test_other_code_measures_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    Kept("made").measured(of(0.8), "rows")
    monkeypatch.setattr("advisor.caches.code_of_probes", lambda: "other")
    assert Kept("made").measured(of(0.7), "rows").score == 0.7


@pytest.mark.model
def test_a_grid_goes_on_where_it_ended(marked_rows: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    whole = by_grid(marked_rows, ("baseline",), 1, Kept("grid"))
    monkeypatch.setattr(measuring, "measure", lambda *_, **__: never())
    kept = Kept("grid")
    again = by_grid(marked_rows, ("baseline",), 1, kept)
    assert (again.choice, again.scores) == (whole.choice, whole.scores)
    assert again.seconds > kept.seconds > 0
    with pytest.raises(AssertionError, match="measured again"):
        by_grid(marked_rows, ("baseline",), 1, Kept(None))
