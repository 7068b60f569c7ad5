"""How predictions from curves do where test rows are few, as a user's are and those of recorded curves are not.

TF-IDF and a logistic regression, as scikit-learn has them, are fitted anew to each data set at sizes that double: the
table of recorded curves keeps scores, and not which rows were right. From the test rows few are then drawn, again and
again: the same for all sizes of a curve, as in a probe.
"""

from __future__ import annotations

import functools
import math
from collections.abc import Iterator, Mapping

import numpy as np

from benchmarks.common import dataset
from benchmarks.curve_data import Recorded
from benchmarks.curve_misses import Miss, fitted, folds, inside, mean_share, misses
from benchmarks.record_curves import DATASETS, TEST_ROWS, sizes
from probes.data import load_task
from probes.learning_curve import LEAST_TEST_ROWS
from probes.sampling import take_nested

FEW = (LEAST_TEST_ROWS, 150)
"""Test rows that are drawn."""
DRAWS = 10
MOST_ROWS = 1_024
"""Of training."""
STRATEGY = "baseline"

Right = Mapping[int, "np.ndarray[tuple[int], np.dtype[np.bool_]]"]
"""Which test rows were right, by train size."""


@functools.cache
def right(name: str) -> Right:
    """Fit TF-IDF to a data set at each size, and return which test rows it tells."""
    from sklearn.feature_extraction.text import TfidfVectorizer
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline

    data = load_task(dataset(name), skip_bad_rows=True, drop_rare_classes=True)
    test, found = take_nested(data.test, TEST_ROWS, 0), {}
    for size in sizes(len(data.classes), len(data.train), MOST_ROWS):
        if size & (size - 1) == 0:  # all rows, which come last, may be no doubling
            train = take_nested(data.train, size, 0)
            model = make_pipeline(TfidfVectorizer(sublinear_tf=True), LogisticRegression(C=10, max_iter=300))
            found[size] = np.array(model.fit(train.texts, train.labels).predict(test.texts)) == np.array(test.labels)
    return found


def noise(rows: Right) -> float:
    """Return the noise of an accuracy in multiples of its test rows' variance, by how neighbouring sizes differ.

    Both of a pair make half of it. How far their means lie apart is what was learned, and no noise.

    Examples
    --------
    >>> noise({64: np.array([True, False, True, False]), 128: np.array([False, True, True, False])})
    1.0
    """
    found = []
    for size, own in rows.items():
        if 2 * size in rows:
            more = rows[2 * size]
            found.append(float(np.var(own.astype(float) - more)) / 2 / float(more.mean() * (1 - more.mean())))
    return float(np.mean(found))


def typical_noise() -> float:
    """Return the noise of an accuracy in multiples of its test rows' standard error, over all data sets."""
    return round(math.sqrt(float(np.mean([noise(right(name)) for name in DATASETS]))), 2)


def drawn(name: str, test_rows: int) -> Iterator[Recorded]:
    """Yield the curve of a data set as so many of its test rows tell it."""
    rows = right(name)
    every = len(next(iter(rows.values())))
    draw = np.random.default_rng(0)
    for seed in range(DRAWS):
        few = draw.choice(every, test_rows, replace=False)
        scores = tuple(float(own[few].mean()) for own in rows.values())
        yield Recorded("accuracy", name, STRATEGY, seed, tuple(rows), scores, test_rows)


@functools.cache
def predictions(test_rows: int) -> Mapping[str, list[Miss]]:
    """Return by data set the predictions with so few test rows, by what the other data sets taught."""
    names = frozenset(fold.dataset for fold in folds())
    return {name: misses(drawn(name, test_rows), fitted(names - {name})[0]) for name in sorted(names)}


def share(test_rows: int, known: int | None = None) -> float:
    """Return how many 80 % intervals hold in percent, each data set held out and counting the same.

    Parameters
    ----------
    test_rows : int
    known : int, optional
        Sizes that a prediction knows, three standing for more; any where not given.
    """
    own = predictions(test_rows)
    return mean_share(
        {
            fold.dataset: inside([m for m in own[fold.dataset] if known in (None, m.known)], fold.widths(0.8))
            for fold in folds()
        }
    )
