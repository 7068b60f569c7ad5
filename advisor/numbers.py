"""Numbers as people write them: 5k, 5,000, 7e9, 7B."""

from __future__ import annotations

import math
import re

_SUFFIXES = {"": 1.0, "k": 1e3, "m": 1e6, "b": 1e9}
_PLAIN = re.compile(r"[+-]?(?:\d+(?:_\d+)*\.?\d*|\.\d+)(?:e[+-]?\d+)?", re.IGNORECASE)
_GROUPED = re.compile(r"[+-]?\d{1,3}(?:([, '\u00a0\u202f])\d{3})(?:\1\d{3})*(?:\.\d+)?")


def read_number(text: str) -> float | None:
    """Return the number a text stands for, None where it stands for none.

    Thousands may be set apart; `k`, `m` and `b` stand for thousand, million and billion, in either case. A comma is no
    decimal point: `0,5` is refused rather than guessed at.

    Examples
    --------
    >>> [read_number(text) for text in ("5k", "5,000", "2m", "7e9", "7B", " .85 ", "1 500")]
    [5000.0, 5000.0, 2000000.0, 7000000000.0, 7000000000.0, 0.85, 1500.0]
    >>> [read_number(text) for text in ("many", "0,5", "5kk", "1,00", "inf", "")]
    [None, None, None, None, None, None]
    """
    text = text.strip()
    bare = text.rstrip("kKmMbB")
    suffix = text[len(bare) :].lower()
    bare = bare.strip()
    if suffix not in _SUFFIXES or not (_PLAIN.fullmatch(bare) or _GROUPED.fullmatch(bare)):
        return None
    # In decimal first: 1.1k is 1100, and no product of floats that misses it by a hair.
    number = round(float(re.sub(r"[,_ '\u00a0\u202f]", "", bare)) * _SUFFIXES[suffix], 9)
    return number if math.isfinite(number) else None
