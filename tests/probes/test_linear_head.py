"""The linear probe: scaling folded in exactly, the strength chosen on validation rows."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from probes.deadline import Deadline
from probes.errors import OutOfTime
from probes.linear_head import LinearHead, cross_entropy, fit_linear_head

SCALES = 10.0 ** np.linspace(-1, 1, 8)
Split = tuple[NDArray[np.float32], NDArray[np.int64]]


def blobs(classes: int, rows: int = 120, seed: int = 0, spread: float = 1.0) -> Split:
    centres = np.random.default_rng(99).normal(size=(classes, 8)) * 2
    rng = np.random.default_rng(seed)
    labels = np.arange(rows) % classes
    points = (centres[labels] + spread * rng.normal(size=(rows, 8)) + 5) * SCALES
    return points.astype(np.float32), labels


def head(train: Split, validation: Split, classes: int, **more: Any) -> LinearHead:
    settings: dict[str, Any] = {"grid": (1.0,), "metric": "accuracy", "deadline": Deadline(None)} | more
    return fit_linear_head(*train, *validation, classes=classes, **settings)


@pytest.mark.parametrize("classes", [2, 3, 7])
def test_scores_are_those_of_the_scikit_learn_pipeline(classes: int) -> None:
    train, validation = blobs(classes, spread=3), blobs(classes, seed=1, spread=3)
    ours = head(train, validation, classes)
    pipeline = make_pipeline(StandardScaler(), LogisticRegression(C=1.0, max_iter=2_000, tol=1e-8)).fit(*train)
    decision = pipeline.decision_function(validation[0])
    logits = ours.logits(validation[0])
    assert logits.shape == (len(validation[0]), classes)
    assert logits.dtype == np.float32
    if classes == 2:
        np.testing.assert_allclose(logits[:, 1] - logits[:, 0], decision, atol=0.02)
    else:
        centred = logits - logits.mean(axis=1, keepdims=True)
        np.testing.assert_allclose(centred, decision - decision.mean(axis=1, keepdims=True), atol=0.02)
    np.testing.assert_array_equal(logits.argmax(axis=1), pipeline.predict(validation[0]))
    assert ours.train_loss == pytest.approx(cross_entropy(ours.logits(train[0]), train[1]), abs=1e-5)


@pytest.mark.parametrize("classes", [2, 4])
@pytest.mark.parametrize("standardise", [True, False])
@pytest.mark.parametrize("bias", [True, False])
def test_every_form_of_head_learns(classes: int, standardise: bool, bias: bool) -> None:
    def even(seed: int) -> Split:
        points, labels = blobs(classes, seed=seed, spread=0.5)
        return (points / SCALES - 5).astype(np.float32), labels

    found = head(even(0), even(1), classes, standardise=standardise, bias=bias)
    assert found.weight.shape == (classes, 8)
    assert found.bias.shape == (classes,)
    assert found.validation_score > 0.95
    if not bias:
        assert not found.bias.any()


@pytest.mark.parametrize("wobble", [0.0, 1e-30, 1e-12, 1e-6])
def test_a_feature_that_hardly_varies_gets_no_huge_weight(wobble: float) -> None:
    train, validation = blobs(3), blobs(3, seed=1)
    spoil = [np.hstack([x / SCALES, np.full((len(x), 1), 0.05)]) for x in (train[0], validation[0])]
    spoil[0][0, -1] += wobble
    found = head((spoil[0].astype(np.float32), train[1]), (spoil[1].astype(np.float32), validation[1]), 3)
    assert np.isfinite(found.weight).all()
    assert np.abs(found.weight[:, -1]).max() < 1e3
    assert found.validation_score > 0.9


def test_the_best_on_validation_rows_is_kept_and_each_strength_told() -> None:
    train, validation = blobs(3, rows=30, spread=4), blobs(3, seed=1, spread=4)
    found = head(train, validation, 3, grid=(100.0, 0.01, 1.0))
    assert [t.setting for t in found.trials] == ["C=0.01", "C=1", "C=100"]
    best = max(found.trials, key=lambda t: (t.validation_score, -t.validation_loss))
    assert f"C={found.C:g}" == best.setting
    assert found.validation_score == best.validation_score
    logits = found.logits(validation[0])
    assert best.validation_loss == pytest.approx(cross_entropy(logits, validation[1]), abs=1e-4)
    assert best.validation_score == pytest.approx((logits.argmax(axis=1) == validation[1]).mean())


def test_ties_go_to_the_lower_loss() -> None:
    train, validation = blobs(2, spread=0.05), blobs(2, seed=1, spread=0.05)
    found = head(train, validation, 2, grid=(0.001, 1.0))
    assert [t.validation_score for t in found.trials] == [1.0, 1.0]
    assert found.C == 1.0


def test_rows_few_for_their_classes_are_taken_for_classes_and_warn_of_nothing() -> None:
    classes = 21
    assert head(blobs(classes, rows=40), blobs(classes, rows=42, seed=1), classes).validation_score > 0.5


def test_a_spent_budget_stops_between_strengths() -> None:
    with pytest.raises(OutOfTime):
        head(blobs(2), blobs(2, seed=1), 2, deadline=Deadline(0))


def test_an_empty_grid_is_a_mistake() -> None:
    with pytest.raises(ValueError, match="grid"):
        head(blobs(2), blobs(2, seed=1), 2, grid=())


def test_cross_entropy_of_extreme_scores_is_finite() -> None:
    assert cross_entropy(np.array([[1e4, -1e4]], np.float32), np.array([1])) == pytest.approx(2e4)
