"""Batches of like length: every row once an epoch, little padding, another order each epoch, the same for a seed."""

from __future__ import annotations

import random

import pytest

from probes.batching import LengthBuckets


def batches(order: list[int], size: int) -> list[list[int]]:
    return [order[k : k + size] for k in range(0, len(order), size)]


def read(lengths: list[int], order: list[int], size: int) -> int:
    """Tokens read, padding included."""
    return sum(len(batch) * max(lengths[i] for i in batch) for batch in batches(order, size))


def lengths_of(rows: int) -> list[int]:
    rng = random.Random(0)
    return [min(90, 4 + int(rng.expovariate(1 / 12))) for _ in range(rows)]


@pytest.mark.parametrize("rows", [1, 15, 16, 17, 100, 1003])
def test_every_row_comes_once_an_epoch(rows: int) -> None:
    buckets = LengthBuckets(lengths_of(rows), 16, seed=0)
    for epoch in range(3):
        buckets.set_epoch(epoch)
        assert sorted(buckets) == list(range(rows))
    assert len(buckets) == rows


def test_little_of_a_batch_is_padding() -> None:
    lengths = lengths_of(1000)
    drawn = list(range(1000))
    random.Random(1).shuffle(drawn)
    assert read(lengths, drawn, 16) > 2 * sum(lengths)
    assert read(lengths, list(LengthBuckets(lengths, 16, seed=0)), 16) < 1.25 * sum(lengths)


def test_the_order_depends_on_seed_and_epoch_alone() -> None:
    lengths = lengths_of(200)
    orders = []
    for seed, epoch in ((0, 0), (0, 1), (1, 0), (0, 1)):
        buckets = LengthBuckets(lengths, 16, seed)
        buckets.set_epoch(epoch)
        random.random()
        orders.append(list(buckets))
    assert orders[1] == orders[3]
    assert len({tuple(order) for order in orders}) == 3


def test_rows_meet_others_in_another_epoch() -> None:
    """Also where rows are few: one pool of all would make the same batches again and again."""
    buckets = LengthBuckets(lengths_of(130), 16, seed=0)
    first = {frozenset(batch) for batch in batches(list(buckets), 16)}
    buckets.set_epoch(1)
    assert not first & {frozenset(batch) for batch in batches(list(buckets), 16)}


def test_long_and_short_batches_come_at_any_time() -> None:
    lengths = lengths_of(1600)
    starts = [0, 0]
    for seed in range(40):
        widths = [max(lengths[i] for i in batch) for batch in batches(list(LengthBuckets(lengths, 16, seed)), 16)]
        starts[0] += sum(widths[:50])
        starts[1] += sum(widths[50:])
    assert starts[0] / starts[1] == pytest.approx(1, abs=0.05)


def test_rows_left_over_are_not_the_longest() -> None:
    lengths = lengths_of(103)
    last = [list(LengthBuckets(lengths, 16, seed))[96:] for seed in range(60)]
    mean = sum(lengths[i] for rows in last for i in rows) / (60 * 7)
    assert mean == pytest.approx(sum(lengths) / 103, rel=0.15)
