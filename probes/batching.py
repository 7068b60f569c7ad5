"""Which rows learn together: random batches of rows of like length, so that little of a batch is padding."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence

POOL = 16
"""Batches cut from one random draw of rows: on short texts a tenth of what is read is padding, and 1.4 times the text
itself where batches are drawn row by row. Larger pools save little more."""

LEAST_POOLS = 4
"""Draws an epoch has at least, so that few rows too meet others in every epoch."""


class LengthBuckets:
    """The order of rows for one epoch after another: batches of like length, made and ordered at random.

    Rows are drawn into pools, each pool is sorted by length and cut into batches, and the batches of all pools are
    shuffled. Batches of one length come at any time, not the long ones first.

    Parameters
    ----------
    lengths : sequence of int
        Tokens of each row.
    batch_size : int
        Rows of an optimiser step.
    seed : int
        With the number of the epoch it determines the order, whatever else draws numbers.

    Examples
    --------
    >>> order = list(LengthBuckets([5, 90, 6, 91, 7, 92, 8, 93], batch_size=2, seed=0))
    >>> sorted(order)
    [0, 1, 2, 3, 4, 5, 6, 7]
    """

    def __init__(self, lengths: Sequence[int], batch_size: int, seed: int) -> None:
        self._lengths = lengths
        self._batch_size = batch_size
        self._seed = seed
        self._epoch = 0

    def set_epoch(self, epoch: int) -> None:
        """Say which epoch comes next; a run that goes on from a checkpoint does not start at the first."""
        self._epoch = epoch

    def __len__(self) -> int:
        return len(self._lengths)

    def __iter__(self) -> Iterator[int]:
        rng = random.Random(f"{self._seed}, epoch {self._epoch}")  # noqa: S311 - an order, not a secret
        size = self._batch_size
        rows = list(range(len(self)))
        rng.shuffle(rows)
        # Rows left over are drawn like any others, not the longest: they make a smaller step.
        whole = len(rows) - len(rows) % size
        left_over = rows[whole:]
        pool = size * max(1, min(POOL, whole // size // LEAST_POOLS))
        batches = []
        for start in range(0, whole, pool):
            drawn = sorted(rows[start : min(start + pool, whole)], key=self._lengths.__getitem__)
            batches += [drawn[k : k + size] for k in range(0, len(drawn), size)]
        rng.shuffle(batches)
        for batch in batches:
            yield from batch
        yield from left_over
