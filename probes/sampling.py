"""Nested stratified samples: the first n rows of one fixed order, so that a larger sample contains the smaller."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Sequence

from probes.data import Rows


def nested_order(labels: Sequence[int], seed: int) -> list[int]:
    """Order rows so that every prefix holds the classes in about their overall shares, each class as early as it can.

    Parameters
    ----------
    labels : sequence of int, length n
    seed : int

    Returns
    -------
    list of int
        A permutation of range(n). The k-th row of a class of size m stands near position (k + .5) · n / m, but the
        first rows of all classes come first, so that a sample of as many rows as classes knows every class.

    Examples
    --------
    >>> order = nested_order([0, 0, 0, 0, 1, 1], seed=0)
    >>> sorted(order) == [0, 1, 2, 3, 4, 5]
    True
    >>> sorted([0, 0, 0, 0, 1, 1][i] for i in order[:3])
    [0, 0, 1]
    """
    rng = random.Random(seed)  # noqa: S311 - a reproducible sample, not a secret
    by_class: dict[int, list[int]] = defaultdict(list)
    for position, label in enumerate(labels):
        by_class[label].append(position)
    placed: list[tuple[float, float, int]] = []
    for label in sorted(by_class):
        members = by_class[label]
        rng.shuffle(members)
        for k, position in enumerate(members):
            place = 0.0 if k == 0 else (k + 0.5) * len(labels) / len(members)
            placed.append((place, rng.random(), position))
    return [position for _, _, position in sorted(placed)]


def take_nested(rows: Rows, count: int, seed: int) -> Rows:
    """Return the first `count` rows in `nested_order`, all of them if there are fewer."""
    if count >= len(rows):
        return rows
    return rows.take(nested_order(rows.labels, seed)[:count])


def order_of_seed(split_seed: int, seed: int) -> int:
    """Return the seed of the order in which a measurement takes its rows: seed 0 that of the split, others their own.

    So that seeds differ in the rows they learn from too, where that is not all of them.

    Examples
    --------
    >>> order_of_seed(7, 0), order_of_seed(7, 2) == order_of_seed(8, 2)
    (7, False)
    """
    return split_seed + 1_000_003 * seed
