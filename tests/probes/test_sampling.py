"""Nested samples: a larger one holds the smaller, every class early, shares kept."""

from __future__ import annotations

import random
from collections import Counter

import pytest

from probes.data import Rows
from probes.sampling import nested_order, take_nested


def labels_of(shares: dict[int, int], seed: int = 0) -> list[int]:
    labels = [label for label, count in shares.items() for _ in range(count)]
    random.Random(seed).shuffle(labels)
    return labels


@pytest.mark.parametrize("shares", [{0: 100, 1: 100}, {0: 300, 1: 30, 2: 3}, {0: 5}, dict.fromkeys(range(50), 2), {}])
def test_the_order_is_a_permutation(shares: dict[int, int]) -> None:
    labels = labels_of(shares)
    assert sorted(nested_order(labels, 3)) == list(range(len(labels)))


def test_every_class_comes_before_any_comes_twice() -> None:
    labels = labels_of({0: 400, 1: 40, 2: 4, 3: 1})
    assert sorted(labels[i] for i in nested_order(labels, 0)[:4]) == [0, 1, 2, 3]


@pytest.mark.parametrize("count", [50, 111, 222])
def test_every_prefix_holds_the_overall_shares(count: int) -> None:
    shares = {0: 300, 1: 100, 2: 44}
    labels = labels_of(shares)
    found = Counter(labels[i] for i in nested_order(labels, 0)[:count])
    for label, total in shares.items():
        assert abs(found[label] - total * count / 444) <= 2


def test_seeds_decide_the_order_and_nothing_else_does() -> None:
    labels = labels_of({0: 40, 1: 40})
    assert nested_order(labels, 1) == nested_order(labels, 1)
    assert nested_order(labels, 1) != nested_order(labels, 2)


def test_a_larger_sample_holds_the_smaller() -> None:
    labels = labels_of({0: 60, 1: 30, 2: 10})
    rows = Rows(
        texts=tuple(f"text {i}" for i in range(100)),
        pairs=tuple(f"pair {i}" for i in range(100)),
        labels=tuple(labels),
        numbers=tuple(range(1, 101)),
    )
    small, large = take_nested(rows, 20, 0), take_nested(rows, 50, 0)
    assert set(small.numbers) < set(large.numbers)
    assert large.numbers[:20] == small.numbers
    assert all(small.texts[i] == f"text {n - 1}" for i, n in enumerate(small.numbers))
    assert all(small.pairs and small.pairs[i] == f"pair {n - 1}" for i, n in enumerate(small.numbers))
    assert take_nested(rows, 100, 0) == take_nested(rows, 10**9, 0) == rows
