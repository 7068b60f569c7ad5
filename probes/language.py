"""A guess at the language of a sample of texts, and at its scripts.

The guess is py3langid's (BSD-3-Clause, numpy only, 4 MB with its model): it knows some 130 languages and a class of its
own for what is no language, and its confidence is calibrated over lengths.
"""

from __future__ import annotations

import functools
import unicodedata
from collections import Counter
from collections.abc import Sequence
from typing import Any

UNDETERMINED = "und"

_NO_LANGUAGE = "zxx"  # ISO 639's code for content that is no language: moves, genes, numbers
_SURE = 0.5
_WORTH_PRINTING = 0.3
_CHARACTERS_READ = 2000


class SpreadSample:
    """At most `size` texts of a stream, evenly spread over it, without knowing its length.

    Examples
    --------
    >>> sample = SpreadSample(size=4)
    >>> for i in range(100):
    ...     sample.offer(str(i))
    >>> sample.texts()
    ['0', '32', '64', '96']
    """

    def __init__(self, size: int = 500) -> None:
        self.size = size
        self._step = 1
        self._seen = 0
        self._kept: list[str] = []

    def offer(self, text: str) -> None:
        """Show the sample the next text of the stream."""
        if self._seen % self._step == 0:
            if len(self._kept) == 2 * self.size:
                self._kept = self._kept[::2]
                self._step *= 2
            if self._seen % self._step == 0:
                self._kept.append(text[:_CHARACTERS_READ])
        self._seen += 1

    def texts(self) -> list[str]:
        """Return the sample in the order of the stream."""
        every = -(-len(self._kept) // self.size) if self._kept else 1
        return self._kept[::every]


def guess_language(texts: Sequence[str]) -> tuple[str, float]:
    """Guess the main language of some texts.

    Each text votes for its language with the classifier's confidence; the language with most votes wins, unless it has
    less than three tenths of all that could be had, or is no language.

    Parameters
    ----------
    texts : sequence of str

    Returns
    -------
    tuple of str and float
        The ISO 639 code, ``'und'`` where no guess is fit to print, and the share of the texts guessed to be in it (of
        those with no sure guess, for ``'und'``).

    Examples
    --------
    >>> guess_language(["Where is my parcel?", "I was charged twice for the same order."])
    ('en', 1.0)
    >>> guess_language(["1. e4 e5 2. Nf3 Nc6 3. Bb5 a6"])
    ('und', 1.0)
    """
    if not texts:
        return UNDETERMINED, 0.0
    guesses = [_classifier().classify(text) for text in texts]
    votes: Counter[str] = Counter()
    for language, confidence in guesses:
        votes[language] += confidence
    winner, weight = max(votes.items(), key=lambda vote: (vote[1], vote[0]))
    if winner == _NO_LANGUAGE or weight < _WORTH_PRINTING * len(texts):
        unsure = sum(language == _NO_LANGUAGE or confidence < _SURE for language, confidence in guesses)
        return UNDETERMINED, unsure / len(texts)
    return winner, sum(language == winner for language, _ in guesses) / len(texts)


@functools.cache
def _classifier() -> Any:
    from py3langid.langid import MODEL_FILE, LanguageIdentifier

    return LanguageIdentifier.from_model_file(MODEL_FILE, norm_probs=True)


def non_latin_share(texts: Sequence[str]) -> float:
    """Return the share of letters that are not of the Latin script.

    Examples
    --------
    >>> non_latin_share(["abc где"])
    0.5
    """
    letters: Counter[str] = Counter()
    for text in texts:
        letters.update(text)
    counted = {letter: count for letter, count in letters.items() if letter.isalpha()}
    total = sum(counted.values())
    return sum(count for letter, count in counted.items() if not _is_latin(letter)) / total if total else 0.0


def _is_latin(letter: str) -> bool:
    return letter.isascii() or "LATIN" in unicodedata.name(letter, "")
