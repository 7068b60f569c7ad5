"""Texts as token ids, each read once: learning rates, seeds, nested samples and the final scoring share rows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from probes.data import Rows
from probes.features import tokenize

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

LIMIT = 8_000_000
"""Tokens kept at most, some 100 MB; the texts that were read first are forgotten first."""


class TokenCache:
    """Token ids of texts by tokenizer, content and length.

    Parameters
    ----------
    limit : int
        Tokens kept at most.
    """

    def __init__(self, limit: int = LIMIT) -> None:
        self._limit = limit
        self._kept: dict[tuple[Any, str, str | None, int], dict[str, NDArray[np.int32]]] = {}
        self._tokens = 0

    def read(self, tokenizer: Any, rows: Rows, max_length: int) -> list[dict[str, list[int]]]:
        """Return what `tokenize` returns; only texts that were not read before are read."""
        import numpy as np

        seconds = (None,) * len(rows) if rows.pairs is None else rows.pairs
        keys = [(tokenizer, first, second, max_length) for first, second in zip(rows.texts, seconds, strict=True)]
        fresh = [i for i, key in enumerate(keys) if key not in self._kept]
        read = dict(zip(fresh, tokenize(tokenizer, rows.take(fresh), max_length), strict=True)) if fresh else {}
        found = [
            read[i] if i in read else {name: ids.tolist() for name, ids in self._kept[key].items()}
            for i, key in enumerate(keys)
        ]
        for i, ids in read.items():
            if keys[i] not in self._kept:
                self._kept[keys[i]] = {name: np.array(values, dtype=np.int32) for name, values in ids.items()}
                self._tokens += len(ids["input_ids"])
        while self._tokens > self._limit:
            self._tokens -= len(self._kept.pop(next(iter(self._kept)))["input_ids"])
        return found
