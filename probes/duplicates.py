"""Duplicates: when two texts count as the same, and how repeats, leaks and conflicts are counted.

Two texts are exact duplicates if they are equal byte for byte, and normalised duplicates if they are equal after
`normalise`. Rows are told apart by 64-bit digests, so that a million rows take megabytes; at that size the chance that
any two different texts share a digest is one in forty million.
"""

from __future__ import annotations

import hashlib
import unicodedata
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

_PAIR_MARK = "\x1f"  # the unit separator: no text of a user's holds it


class _Words(dict[int, int | str]):
    """A translation table that keeps letters, marks and numbers and fills itself in as characters turn up."""

    def __missing__(self, code: int) -> int | str:
        # Marks stay: without its vowel signs, a Hindi or Thai word is another word.
        kept = unicodedata.category(chr(code))[0] in "LMN"
        self[code] = code if kept else " "
        return self[code]


_WORDS = _Words()


def normalise(text: str) -> str:
    """Bring a text to the form in which near-identical copies are equal.

    Unicode NFKC, case folding, then letters, marks and numbers with single spaces between; a text that is punctuation
    or symbols for more than half (``":-("``, ``"++i;"``) keeps them.

    Examples
    --------
    >>> normalise("  The tree parameters.") == normalise("the TREE-parameters")
    True
    >>> normalise(":-(") == normalise(":-)")
    False
    """
    folded = unicodedata.normalize("NFKC", text).casefold()
    words = folded.translate(_WORDS).split()
    whole = folded.split()
    if 2 * sum(map(len, words)) < sum(map(len, whole)):
        return " ".join(whole)
    return " ".join(words)


def exact_key(text: str, pair: str | None = None) -> int:
    """Return the digest of a text, or of both texts of a pair, as they are."""
    whole = text if pair is None else f"{text}{_PAIR_MARK}{pair}"
    return int.from_bytes(hashlib.blake2b(whole.encode(), digest_size=8).digest(), "little")


def normalised_key(text: str, pair: str | None = None) -> int:
    """Return the digest of a text, or of both texts of a pair, after `normalise`."""
    return exact_key(normalise(text), None if pair is None else normalise(pair))


def count_repeats(keys: NDArray[np.uint64]) -> int:
    """Count the rows whose key came before: one that stands k times counts k − 1.

    Examples
    --------
    >>> import numpy as np
    >>> count_repeats(np.array([7, 7, 7, 8], dtype=np.uint64))
    2
    """
    import numpy as np

    return int(len(keys) - len(np.unique(keys)))


def count_also_in(keys: NDArray[np.uint64], others: NDArray[np.uint64]) -> int:
    """Count the rows of `keys` whose key also stands in `others`.

    Examples
    --------
    >>> import numpy as np
    >>> count_also_in(np.array([7, 7, 8], dtype=np.uint64), np.array([7, 9], dtype=np.uint64))
    2
    """
    import numpy as np

    return int(np.isin(keys, others).sum())


def count_conflicts(keys: NDArray[np.uint64], labels: NDArray[Any]) -> int:
    """Count the distinct keys that stand with more than one label.

    Examples
    --------
    >>> import numpy as np
    >>> count_conflicts(np.array([7, 7, 7, 8, 8], dtype=np.uint64), np.array([0, 1, 1, 2, 2]))
    1
    """
    import numpy as np

    order = np.lexsort((labels, keys))
    sorted_keys, sorted_labels = keys[order], labels[order]
    changes = (sorted_keys[1:] == sorted_keys[:-1]) & (sorted_labels[1:] != sorted_labels[:-1])
    return len(np.unique(sorted_keys[1:][changes]))
