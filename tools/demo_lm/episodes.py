"""Episodes: demonstrations of a task one after the other, each label to be predicted from those before it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tools.demo_lm.tasks import UNSEEN, Bank, Task

INSTRUCTION = "Choose the label that fits best. Labels: {classes}."
"""As the probes' prompts have it."""

TEMPLATES = (("Text:", "\nLabel:"), ("Input:", "\nOutput:"), ("Sentence:", "\nClass:"), ("", "\n=>"), ("Q:", "\nA:"))
"""What stands before a text and between it and its label; the first is that of the probes and the most frequent."""

FIRST_TEMPLATE = 0.7
INSTRUCTED = 0.5
NATURAL = 0.4
"""Share of episodes whose classes are called by name, where they have one."""

NEVER = 10
"""One word of so many is never a label in training."""

Ids = list[int]


@dataclass(frozen=True)
class Mix:
    """How an episode is made at some point of the curriculum."""

    exact: float
    """Share of rows whose text stands in the episode already."""
    near: float
    """Share of rows that stand there with a third of their words left out."""
    made_up: float = 0.0
    """Share of episodes whose texts are random tokens."""
    tokens: int = 384
    """Length of an episode."""
    classes: int = 6
    """Classes at most."""
    zero_shot: bool = False
    """Whether a label that was not shown yet is to be predicted too, where the instruction names it."""


@dataclass(frozen=True)
class Episode:
    """Token ids, and at which of them the next token is to be predicted."""

    ids: Ids
    scored: Ids
    """Positions whose next token is part of a label that can be known."""
    among: list[Ids]
    """For each of them the first tokens of the labels shown so far; none within a label."""


class Writer:
    """Writes episodes in tokens.

    Parameters
    ----------
    bank : Bank
    tokenizer : PreTrainedTokenizer
    """

    def __init__(self, bank: Bank, tokenizer: Any) -> None:
        self._bank = bank
        self._tokenizer = tokenizer
        self._texts = [self._encode(" " + text) for text in bank.texts]
        self._templates = [(self._encode(a) if a else [], self._encode(b)) for a, b in TEMPLATES]
        self._gap = self._encode("\n\n")
        vocabulary = [tokenizer.decode([i]) for i in range(len(tokenizer))]
        whole = [w.strip() for w in vocabulary if re.fullmatch(r" [A-Za-z]{2,}", w)]
        words = [w for w in whole if w not in UNSEEN]
        self.label_words = [w for i, w in enumerate(words) if i % NEVER]
        self.unseen_words = [w for i, w in enumerate(words) if i % NEVER == 0]
        self._plain_tokens = np.array([i for i, w in enumerate(vocabulary) if re.fullmatch(r" ?[A-Za-z]+", w)])

    def write(self, mix: Mix, rng: np.random.Generator, *, unseen_words: bool = False) -> Episode:
        """Write an episode.

        Parameters
        ----------
        mix : Mix
        rng : Generator
        unseen_words : bool
            Whether labels are words that training never uses as such.
        """
        made_up = rng.random() < mix.made_up
        task = self._made_up_task(rng) if made_up else self._bank.draw(rng)
        count = min(len(task.classes), mix.classes)
        natural = task.words is not None and not unseen_words and rng.random() < NATURAL
        words = list(task.words or ())[:count] if natural else self._random_words(count, rng, unseen_words)
        labels = [self._encode(" " + w) for w in words]
        before, between = self._templates[
            0 if rng.random() < FIRST_TEMPLATE else int(rng.integers(1, len(self._templates)))
        ]
        ids: Ids = [self._tokenizer.bos_token_id] if rng.random() < 0.5 else []
        instructed = rng.random() < INSTRUCTED
        if instructed:
            ids += self._encode(INSTRUCTION.format(classes=", ".join(sorted(words)))) + self._gap
        left = [list(rng.permutation(rows)) for rows in task.classes[:count]]
        shown: list[tuple[int, Ids]] = []
        scored: Ids = []
        among: list[Ids] = []
        while True:
            text, label, repeated = self._row(left, shown, mix, made_up, rng)
            if text is None:
                break
            row = [*before, *text, *between]
            if len(ids) + len(row) + len(labels[label]) > mix.tokens:
                break
            ids += row
            known = any(k == label for k, _ in shown)
            if repeated or (not made_up and (known or (mix.zero_shot and natural and instructed))):
                scored += range(len(ids) - 1, len(ids) - 1 + len(labels[label]))
                among += [
                    sorted({labels[k][0] for k, _ in shown} | {labels[label][0]}),
                    *[[]] * (len(labels[label]) - 1),
                ]
            ids += [*labels[label], *self._gap]
            shown.append((label, text))
        return Episode(ids, scored, among)

    def _row(
        self, left: list[list[int]], shown: list[tuple[int, Ids]], mix: Mix, made_up: bool, rng: np.random.Generator
    ) -> tuple[Ids | None, int, bool]:
        """Return the text of the next row, its class and whether it repeats one that was shown."""
        dice = rng.random()
        if shown and dice < mix.exact + mix.near:
            label, text = shown[int(rng.integers(len(shown)))]
            if dice >= mix.exact and len(text) > 3:
                text = [t for t, keep in zip(text, rng.random(len(text)) > 1 / 3, strict=True) if keep] or text
            return text, label, True
        label = int(rng.integers(len(left)))
        if made_up:
            return [int(t) for t in rng.choice(self._plain_tokens, int(rng.integers(2, 9)))], label, False
        if not left[label]:
            return None, label, False
        return self._texts[left[label].pop()][:80], label, False

    def _made_up_task(self, rng: np.random.Generator) -> Task:
        return Task("made up", (np.array([], dtype=np.int64),) * int(rng.integers(2, 9)))

    def _random_words(self, count: int, rng: np.random.Generator, unseen: bool) -> list[str]:
        words = self.unseen_words if unseen else self.label_words
        dice = rng.random()
        if dice < 0.1 and not unseen:
            start = int(rng.integers(2))
            few = [chr(65 + i) for i in range(count)] if dice < 0.05 else [str(start + i) for i in range(count)]
            return [few[i] for i in rng.permutation(count)]
        chosen = [words[i] for i in rng.choice(len(words), 2 * count, replace=False)]
        if dice < 0.18:
            return [f"{a} {b}" for a, b in zip(chosen[:count], chosen[count:], strict=True)]
        return chosen[:count]

    def _encode(self, text: str) -> Ids:
        ids: Ids = self._tokenizer(text, add_special_tokens=False)["input_ids"]
        return ids


def batch_of(episodes: list[Episode], pad: int) -> tuple[NDArray[np.int64], NDArray[np.int64], NDArray[np.int64]]:
    """Return a batch: nothing before the padding sees it, so no mask is needed.

    Returns
    -------
    ids : array of int, shape (episodes, tokens)
        Padded at the end.
    scored : array of int, shape (predicted,)
        Flat positions of what is predicted.
    among : array of int, shape (predicted, labels)
        First tokens of the labels to tell apart, -1 where there are fewer.
    """
    width = max(len(e.ids) for e in episodes)
    ids = np.full((len(episodes), width), pad, dtype=np.int64)
    for row, episode in zip(ids, episodes, strict=True):
        row[: len(episode.ids)] = episode.ids
    scored = [k * width + position for k, e in enumerate(episodes) for position in e.scored]
    labels = [first for e in episodes for first in e.among]
    among = np.full((len(labels), max(map(len, labels), default=1) or 1), -1, dtype=np.int64)
    for row, first in zip(among, labels, strict=True):
        row[: len(first)] = first
    return ids, np.array(scored, dtype=np.int64), among


def writer_for(work: Path, *, held: bool) -> Writer:
    """Return the writer of episodes from documents trained on, or held out."""
    from transformers import AutoTokenizer

    return Writer(Bank(work, held=held), AutoTokenizer.from_pretrained(work / "tokenizer"))
