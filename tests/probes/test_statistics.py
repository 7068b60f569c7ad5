"""Statistics: scores as scikit-learn's, their bootstrap, Holm, Wilson."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import accuracy_score, f1_score

from probes.statistics import bootstrap, holm_levels, resampled_scores, score, wilson


@pytest.mark.parametrize("classes", [2, 3, 20])
@pytest.mark.parametrize("rows", [1, 7, 200])
def test_scores_are_those_of_scikit_learn(classes: int, rows: int) -> None:
    rng = np.random.default_rng(classes * rows)
    labels, predictions = rng.integers(classes, size=rows), rng.integers(classes, size=rows)
    assert score("accuracy", labels, predictions) == pytest.approx(accuracy_score(labels, predictions))
    assert score("macro_f1", labels, predictions) == pytest.approx(f1_score(labels, predictions, average="macro"))


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_weights_count_rows_as_often_as_they_were_drawn(metric: str) -> None:
    rng = np.random.default_rng(0)
    labels, predictions = rng.integers(4, size=30), rng.integers(4, size=30)
    weights = rng.multinomial(30, np.full(30, 1 / 30), size=20).astype(np.float32)
    scores = resampled_scores(metric, labels, predictions, weights)  # type: ignore[arg-type]
    for weight, got in zip(weights, scores, strict=True):
        drawn = np.repeat(np.arange(30), weight.astype(int))
        assert got == pytest.approx(score(metric, labels[drawn], predictions[drawn]))  # type: ignore[arg-type]


@pytest.mark.parametrize(
    ("p_values", "levels"),
    [
        ([0.03], [0.05]),
        ([0.2, 0.9], [0.025, 0.025]),
        ([0.01, 0.9], [0.025, 0.05]),
        ([0.01, 0.045, 0.03], [0.05 / 3, 0.025, 0.025]),  # .03 fails at .025, so .045 is not tested at .05
        ([0.9, 0.01, 0.02], [0.05, 0.05 / 3, 0.025]),
    ],
)
def test_holm_steps_down_and_stops(p_values: list[float], levels: list[float]) -> None:
    assert holm_levels(p_values) == pytest.approx(levels)


def test_holm_rejects_what_its_definition_rejects() -> None:
    rng = np.random.default_rng(0)
    for _ in range(200):
        p = rng.uniform(0, 0.1, size=rng.integers(1, 7))
        expected, order = np.zeros(len(p), bool), np.argsort(p)
        for rank, i in enumerate(order):
            if p[i] > 0.05 / (len(p) - rank):
                break
            expected[i] = True
        rejected = [bool(a <= b) for a, b in zip(p, holm_levels(list(p)), strict=True)]
        assert rejected == list(expected)


@pytest.mark.parametrize(
    ("share", "rows", "low", "high"),
    [(0.5, 10, 0.2366, 0.7634), (0.0, 10, 0.0, 0.2775), (1.0, 10, 0.7225, 1.0), (0.9, 1_000, 0.8799, 0.9171)],
)
def test_wilson_gives_the_published_values(share: float, rows: int, low: float, high: float) -> None:
    assert wilson(share, rows) == pytest.approx((low, high), abs=1e-4)


@pytest.mark.parametrize("metric", ["accuracy", "macro_f1"])
def test_the_bootstrap_is_that_of_drawing_row_by_row(metric: str) -> None:
    """Rows that look alike are drawn together, and seeds with the same rows, which must change nothing but the time."""
    rng = np.random.default_rng(6)
    labels = rng.integers(3, size=150)
    runs = [np.where(rng.random(150) < share, labels, rng.integers(3, size=150)) for share in (0.85, 0.8, 0.6)]
    weights = rng.multinomial(150, np.full(150, 1 / 150), size=20_000).astype(np.float32)
    one, two, three = (resampled_scores(metric, labels, p, weights) for p in runs)  # type: ignore[arg-type]
    expected = np.stack([one, (two + three) / 2])
    found = bootstrap(metric, labels, [runs[:1], runs[1:]], 0, 20_000)  # type: ignore[arg-type]
    assert found.mean(axis=1) == pytest.approx(expected.mean(axis=1), abs=0.002)
    assert np.cov(found) == pytest.approx(np.cov(expected), rel=0.05, abs=2e-5)
    quantiles = [0.025, 0.5, 0.975]
    assert np.quantile(found, quantiles, axis=1) == pytest.approx(np.quantile(expected, quantiles, axis=1), abs=0.008)
