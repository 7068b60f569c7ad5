"""Episodes: demonstrations of a task one after the other, each label to be predicted from those before it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

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
    read: Ids
    """Positions at which a row was read: where its label is to be predicted, and where the label stands."""
    sentences: Ids
    """For each of them the sentence."""


class Row(NamedTuple):
    """A text in tokens, its class, whether it stands in the episode already, and the sentence, -1 if it is made up."""

    text: Ids
    label: int
    repeated: bool
    sentence: int


class Writer:
    """Writes episodes in tokens.

    Parameters
    ----------
    bank : Bank
    tokenizer : PreTrainedTokenizer

    Attributes
    ----------
    meant : array of float, shape (sentences, 128)
        As of the bank.
    """

    def __init__(self, bank: Bank, tokenizer: Any) -> None:
        self._bank = bank
        self._tokenizer = tokenizer
        self.meant = bank.meant
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
        shown: list[Row] = []
        scored: Ids = []
        among: list[Ids] = []
        read: Ids = []
        sentences: Ids = []
        while (row := self._row(left, shown, mix, made_up, rng)) is not None:
            label = row.label
            written = [*before, *row.text, *between]
            if len(ids) + len(written) + len(labels[label]) > mix.tokens:
                break
            ids += written
            if not made_up:
                read += [len(ids) - 1, len(ids) - 1 + len(labels[label])]
                sentences += [row.sentence] * 2
            known = any(r.label == label for r in shown)
            if row.repeated or (not made_up and (known or (mix.zero_shot and natural and instructed))):
                scored += range(len(ids) - 1, len(ids) - 1 + len(labels[label]))
                among += [
                    sorted({labels[r.label][0] for r in shown} | {labels[label][0]}),
                    *[[]] * (len(labels[label]) - 1),
                ]
            ids += [*labels[label], *self._gap]
            shown.append(row)
        return Episode(ids, scored, among, read, sentences)

    def _row(
        self, left: list[list[int]], shown: list[Row], mix: Mix, made_up: bool, rng: np.random.Generator
    ) -> Row | None:
        """Return the next row, None if its class has no more."""
        dice = rng.random()
        if shown and dice < mix.exact + mix.near:
            again = shown[int(rng.integers(len(shown)))]._replace(repeated=True)
            if dice >= mix.exact and len(again.text) > 3:
                kept = rng.random(len(again.text)) > 1 / 3
                again = again._replace(text=[t for t, keep in zip(again.text, kept, strict=True) if keep] or again.text)
            return again
        label = int(rng.integers(len(left)))
        if made_up:
            made = rng.choice(self._plain_tokens, int(rng.integers(2, 9)))
            return Row([int(t) for t in made], label, False, -1)
        if not left[label]:
            return None
        sentence = int(left[label].pop())
        return Row(self._texts[sentence][:80], label, False, sentence)

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


class Batch(NamedTuple):
    """Episodes as arrays."""

    ids: NDArray[np.int64]
    """Shape (episodes, tokens), padded at the end."""
    scored: NDArray[np.int64]
    """Flat positions of what is predicted."""
    among: NDArray[np.int64]
    """Shape (predicted, labels): first tokens of the labels to tell apart, -1 where there are fewer."""
    read: NDArray[np.int64]
    """Flat positions at which rows were read."""
    sentences: NDArray[np.int64]
    """For each of them the sentence."""


def batch_of(episodes: list[Episode], pad: int) -> Batch:
    """Return a batch: nothing before the padding sees it, so no mask is needed."""
    width = max(len(e.ids) for e in episodes)
    ids = np.full((len(episodes), width), pad, dtype=np.int64)
    for row, episode in zip(ids, episodes, strict=True):
        row[: len(episode.ids)] = episode.ids
    scored = [k * width + position for k, e in enumerate(episodes) for position in e.scored]
    read = [k * width + position for k, e in enumerate(episodes) for position in e.read]
    sentences = [number for e in episodes for number in e.sentences]
    labels = [first for e in episodes for first in e.among]
    among = np.full((len(labels), max(map(len, labels), default=1) or 1), -1, dtype=np.int64)
    for row, first in zip(among, labels, strict=True):
        row[: len(first)] = first
    return Batch(ids, np.array(scored, np.int64), among, np.array(read, np.int64), np.array(sentences, np.int64))


def writer_for(work: Path, *, held: bool) -> Writer:
    """Return the writer of episodes from documents trained on, or held out."""
    from transformers import AutoTokenizer

    return Writer(Bank(work, held=held), AutoTokenizer.from_pretrained(work / "tokenizer"))
