"""The linear probe: logistic regression on frozen features, its regularisation chosen on validation rows."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from probes.deadline import Deadline
from probes.measurement import Metric, Trial
from probes.statistics import score

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


@dataclass(frozen=True)
class LinearHead:
    """A linear map from features to class scores, standardisation folded in.

    Attributes
    ----------
    weight : ndarray of float32, shape (classes, width)
    bias : ndarray of float32, shape (classes,)
    C : float
        The inverse regularisation strength that was chosen.
    train_loss : float
        Mean cross-entropy on the training rows, nats.
    validation_score : float
        Between 0 and 1.
    trials : tuple of Trial
        Each strength that was tried.
    """

    weight: NDArray[np.float32]
    bias: NDArray[np.float32]
    C: float
    train_loss: float
    validation_score: float
    trials: tuple[Trial, ...]

    def logits(self, features: NDArray[np.float32]) -> NDArray[np.float32]:
        """Return class scores, shape (rows, classes)."""
        import numpy as np

        return np.asarray(features @ self.weight.T + self.bias, dtype=np.float32)


def cross_entropy(logits: NDArray[np.float32], labels: NDArray[np.int64]) -> float:
    """Return the mean cross-entropy in nats.

    Examples
    --------
    >>> import numpy as np
    >>> round(cross_entropy(np.zeros((2, 4), np.float32), np.array([0, 3])), 4)
    1.3863
    """
    import numpy as np
    from scipy.special import log_softmax

    return float(-log_softmax(logits.astype(np.float64), axis=1)[np.arange(len(labels)), labels].mean())


def fit_linear_head(
    train: NDArray[np.float32],
    train_labels: NDArray[np.int64],
    validation: NDArray[np.float32],
    validation_labels: NDArray[np.int64],
    *,
    classes: int,
    grid: tuple[float, ...],
    metric: Metric,
    bias: bool = True,
    standardise: bool = True,
    deadline: Deadline,
) -> LinearHead:
    """Fit logistic regression for each strength of the grid and keep the best on validation rows.

    Parameters
    ----------
    train, validation : ndarray of float32, shape (rows, width)
    train_labels, validation_labels : ndarray of int
        Class indices below `classes`; each class occurs in training.
    classes : int
    grid : tuple of float
        Inverse regularisation strengths; ties go to the lower loss.
    metric : {'accuracy', 'macro_f1'}
    bias : bool
        Whether the head may have a bias; the stock head of causal LMs has none.
    standardise : bool
        Bring each feature to mean 0 and variance 1; otherwise scale all alike, so that their squares average 1, which
        keeps the directions of vectors of length 1 as the model meant them.
    deadline : Deadline

    Returns
    -------
    LinearHead
    """
    import time

    import numpy as np
    from sklearn.linear_model import LogisticRegression
    from sklearn.preprocessing import StandardScaler

    scaler = StandardScaler(with_mean=bias and standardise).fit(train)
    # A feature that hardly varies (MiniLM has one) would get a weight of 1e31, and gradient descent from there no
    # finite gradient; scikit-learn guards only against scales of exactly zero.
    scaler.scale_ = np.maximum(scaler.scale_, 1e-3 * np.median(scaler.scale_))
    if not standardise:
        scaler.scale_ = np.full_like(scaler.scale_, np.sqrt(np.mean(np.square(train, dtype=np.float64))))
    scaled = scaler.transform(train)
    best: tuple[tuple[float, float], NDArray[np.float32], NDArray[np.float32], float] | None = None
    trials = []
    # scikit-learn's default tolerance; ten times looser stops weak regularisation before its first step.
    # Each strength starts anew: the emitted config fits its one strength again, and must get the same weights.
    model = LogisticRegression(max_iter=300, tol=1e-4, fit_intercept=bias)
    for C in sorted(grid):
        start = time.monotonic()
        deadline.check()
        model.set_params(C=C)
        fit_quietly(model, scaled, train_labels)
        weight, offset = _full_weights(model, classes)
        weight = weight / scaler.scale_
        if scaler.with_mean:
            offset = offset - weight @ scaler.mean_
        w, b = weight.astype(np.float32), offset.astype(np.float32)
        logits = validation @ w.T + b
        key = (score(metric, validation_labels, logits.argmax(1)), -cross_entropy(logits, validation_labels))
        trials.append(
            Trial(
                setting=f"C={C:g}",
                train_rows=len(train),
                validation_score=key[0],
                validation_loss=-key[1],
                converged=True,
                seconds=time.monotonic() - start,
            )
        )
        if best is None or key > best[0]:
            best = (key, w, b, C)
    if best is None:
        raise ValueError("the grid of C is empty")
    (validation_score, _), w, b, C = best
    loss = cross_entropy(train @ w.T + b, train_labels)
    return LinearHead(w, b, C, loss, validation_score, tuple(trials))


def fit_quietly(model: object, features: object, labels: NDArray[np.int64]) -> None:
    """Fit on one thread: the products are small, and on a busy machine threads that wait for each other cost tenfold.

    That the weakest strengths stop at the iteration limit changes no choice and is no news to the user; nor is a guess
    that labels are numbers to be predicted, where rows are few and classes many.
    """
    import warnings

    from sklearn.exceptions import ConvergenceWarning
    from threadpoolctl import threadpool_limits

    with warnings.catch_warnings(), threadpool_limits(limits=1):
        warnings.simplefilter("ignore", ConvergenceWarning)
        warnings.filterwarnings("ignore", "The number of unique classes", UserWarning)
        model.fit(features, labels)  # type: ignore[attr-defined]


def _full_weights(model: object, classes: int) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Return one weight row a class: scikit-learn keeps a single row for two classes."""
    import numpy as np

    weight, offset = model.coef_, model.intercept_  # type: ignore[attr-defined]
    if classes == 2:
        weight, offset = np.vstack([-weight, weight]) / 2, np.concatenate([-offset, offset]) / 2
    if len(offset) != classes:
        offset = np.zeros(classes)
    return np.asarray(weight, np.float64), np.asarray(offset, np.float64)
