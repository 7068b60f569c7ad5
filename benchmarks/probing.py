"""Run one probe of a benchmark and look its verdicts up."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import advisor
from advisor.session import ProbeResult
from benchmarks.common import dataset
from strategies import Verdict


def probe(name: str, budget_seconds: float, **options: Any) -> ProbeResult:
    """Probe a data set with MiniLM in a temporary run folder."""
    with tempfile.TemporaryDirectory() as folder:
        return advisor.probe(
            dataset(name), models=["minilm"], budget=budget_seconds, run=Path(folder) / "run", **options
        )


def verdict(result: ProbeResult, strategy: str) -> Verdict:
    """Return the verdict on a strategy."""
    return next(v for v in result.verdicts if v.strategy == strategy)


def score(result: ProbeResult, strategy: str) -> float | None:
    """Return the score of a strategy; None where it was not measured."""
    found = verdict(result, strategy).score
    return None if found is None else round(found.mean, 4)


def reaches(value: float | None, goal: float) -> bool | None:
    """Whether a score reaches a goal; None where it was not measured."""
    return None if value is None else value >= goal
