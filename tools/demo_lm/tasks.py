"""Classification tasks made out of the corpus: which rows belong to which class, and what the classes are called."""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from benchmarks.label_episodes import embed
from tools.demo_lm.corpus import read_sentences, teacher_space

Rows = NDArray[np.int64]

MOST_CLASSES = 6
LEAST_ROWS = 12
"""Rows a class needs, so that an episode can show some and ask for others."""
NEAREST = 48
"""Rows taken as a class of those nearest to something."""
AXES = 48
"""Principal axes of the teacher's vectors from which a direction is drawn."""
MEANT = 128
"""Principal axes of the teacher's vectors that a reader learns from at most."""

UNSEEN = frozenset(
    {"positive", "negative", "neutral", "good", "bad", "great", "terrible", "best", "worst", "excellent", "awful"}
    | {"subjective", "objective", "opinion", "opinions", "fact", "facts"}
)
"""Label words of the data sets that the model is measured on: no task of training is named by them."""


@dataclass(frozen=True)
class Task:
    """Rows of each class, and a name for each where there is a natural one."""

    kind: str
    classes: tuple[Rows, ...]
    words: tuple[str, ...] | None = None


class Bank:
    """Draws tasks from the sentences of documents that are trained on, or of those that are held out.

    Parameters
    ----------
    work : Path
        Where `text` and `tokenizer` wrote.
    held : bool
        Whether rows come from documents held out.

    Attributes
    ----------
    texts : list of str
        The sentences, and behind them those whose words were put out of order, which some other tasks draw as well.
    meant : array of float, shape (texts, 128)
        The teacher's vector of each, along its principal axes; out of order, that of the sentence.
    """

    def __init__(self, work: Path, *, held: bool) -> None:
        rows = read_sentences(work)
        self._here = np.array([i for i, row in enumerate(rows) if row["held"] == held])
        rows = [rows[i] for i in self._here]
        self.texts = [row["text"] for row in rows]
        self._vectors = np.load(work / "vectors.npy")[self._here].astype(np.float32)
        vectors, _, axes = teacher_space(work)
        self.meant = vectors[self._here] @ axes[:MEANT].T
        self._disordered = self._disorder(np.random.default_rng(0))
        self._axes = self.meant[:, :AXES] / self.meant[:, :AXES].std(axis=0)
        clusters = np.load(work / "clusters.npz")
        self._fine = _groups(clusters["fine"][self._here])
        self._coarse = _groups(clusters["coarse"][self._here])
        centres = clusters["fine_centres"]
        self._neighbours = np.argsort(-(centres @ centres.T), axis=1)[:, 1:25]
        self._documents = _groups(np.array([row["document"] for row in rows]))
        self._sources = _groups(np.array([list(SOURCES).index(row["source"]) for row in rows]))
        self._topics = self._nearest(np.load(work / "topics.npz"))
        self._tokens = [re.findall(r"[a-z]+", text.lower()) for text in self.texts]
        self._containing = self._words()
        self._draws: tuple[tuple[float, Callable[[np.random.Generator], Task | None]], ...] = (
            (0.25, self._topic),
            (0.3, self._cluster),
            (0.12, self._close),
            (0.1, self._subject),
            (0.12, self._direction),
            (0.04, self._document),
            (0.02, self._source),
            (0.03, self._containing_word),
            (0.02, self._surface),
            (0.02, self._order),
        )

    def draw(self, rng: np.random.Generator) -> Task:
        """Draw a task of a random kind."""
        shares = np.array([share for share, _ in self._draws])
        while True:
            task = self._draws[rng.choice(len(self._draws), p=shares / shares.sum())][1](rng)
            if task is not None:
                return task

    def _count(self, rng: np.random.Generator) -> int:
        return int(rng.choice(np.arange(2, MOST_CLASSES + 1), p=(0.4, 0.25, 0.15, 0.1, 0.1)))

    def _some(self, kind: str, groups: dict[int, Rows], rng: np.random.Generator) -> Task | None:
        able = [rows for rows in groups.values() if len(rows) >= LEAST_ROWS]
        if len(able) < 2:
            return None
        chosen = rng.choice(len(able), min(self._count(rng), len(able)), replace=False)
        return Task(kind, tuple(able[i] for i in chosen))

    def _named(self, kind: str, classes: dict[str, Rows], rng: np.random.Generator) -> Task | None:
        count = self._count(rng)
        if len(classes) < count:
            return None
        names = list(classes)
        words = tuple(names[i] for i in rng.choice(len(names), count, replace=False))
        return _apart(kind, [classes[w] for w in words], words)

    def _topic(self, rng: np.random.Generator) -> Task | None:
        """Rows that the teacher puts nearest to a word, which names them."""
        return self._named("topic", self._topics, rng)

    def _cluster(self, rng: np.random.Generator) -> Task | None:
        return self._some("cluster", self._fine, rng)

    def _close(self, rng: np.random.Generator) -> Task | None:
        """Clusters that lie close together."""
        if not self._fine:
            return None
        start = int(rng.choice(list(self._fine)))
        near = [start, *self._neighbours[start]]
        return self._some("close clusters", {i: self._fine[i] for i in near if i in self._fine}, rng)

    def _subject(self, rng: np.random.Generator) -> Task | None:
        return self._some("subject", self._coarse, rng)

    def _direction(self, rng: np.random.Generator) -> Task | None:
        """Two ends of a random direction through a sample of rows, as feelings and styles are."""
        sample = rng.choice(len(self.texts), min(400, len(self.texts)), replace=False)
        mixed = rng.normal(size=AXES) * (rng.random(AXES) < 4 / AXES)
        if not mixed.any():
            mixed[rng.integers(AXES)] = 1
        order = sample[np.argsort(self._axes[sample] @ mixed)]
        return Task("direction", (order[:40], order[-40:]))

    def _document(self, rng: np.random.Generator) -> Task | None:
        return self._some("document", self._documents, rng)

    def _source(self, rng: np.random.Generator) -> Task | None:
        able = [i for i, rows in self._sources.items() if len(rows) >= LEAST_ROWS]
        chosen = rng.choice(able, min(len(able), int(rng.integers(2, 4))), replace=False)
        words = tuple(list(SOURCES.values())[i] for i in chosen)
        return Task("source", tuple(rng.choice(self._sources[i], NEAREST) for i in chosen), words)

    def _containing_word(self, rng: np.random.Generator) -> Task | None:
        return self._named("contains a word", self._containing, rng)

    def _surface(self, rng: np.random.Generator) -> Task | None:
        """Rows that a pattern fits, and others."""
        pattern, words = SURFACES[rng.integers(len(SURFACES))]
        sample = rng.choice(len(self.texts), min(600, len(self.texts)), replace=False)
        fits = np.array([re.search(pattern, self.texts[i]) is not None for i in sample])
        if min(fits.sum(), (~fits).sum()) < LEAST_ROWS:
            return None
        return Task("surface", (sample[fits][:NEAREST], sample[~fits][:NEAREST]), words)

    def _order(self, rng: np.random.Generator) -> Task | None:
        """Rows as they were, and others whose words were shuffled or whose halves changed places."""
        way = int(rng.integers(len(DISORDERS)))
        pairs = self._disordered[way]
        if len(pairs) < 2 * LEAST_ROWS:
            return None
        chosen = rng.permutation(pairs)[: 2 * NEAREST]
        half = len(chosen) // 2
        return Task("order", (chosen[:half, 0], chosen[half:, 1]), DISORDERS[way])

    def _disorder(self, rng: np.random.Generator) -> list[Rows]:
        """Add rows out of order to the texts; return for each way the numbers of rows and of what became of them."""
        able = np.array([i for i, text in enumerate(self.texts) if 6 <= len(text.split()) <= 20], dtype=np.int64)
        ways = []
        for way in range(len(DISORDERS)):
            chosen = rng.permutation(able)[:DISORDERED]
            ways.append(np.array([(i, len(self.texts) + k) for k, i in enumerate(chosen)]).reshape(-1, 2))
            for i in chosen:
                words = self.texts[i].split()
                half = len(words) // 2
                mixed = [*words[half:], *words[:half]] if way else [words[k] for k in rng.permutation(len(words))]
                self.texts.append(" ".join(mixed))
            self.meant = np.concatenate([self.meant, self.meant[chosen]])
        return ways

    def _nearest(self, topics: np.lib.npyio.NpzFile) -> dict[str, Rows]:
        words, vectors = [str(w) for w in topics["words"]], topics["vectors"]
        found = {}
        for start in range(0, len(words), 256):
            near = vectors[start : start + 256] @ self._vectors.T
            best = np.argpartition(-near, NEAREST, axis=1)[:, :NEAREST]
            found.update({w: row.astype(np.int64) for w, row in zip(words[start:], best, strict=False)})
        return found

    def _words(self) -> dict[str, Rows]:
        where: dict[str, list[int]] = {}
        for i, tokens in enumerate(self._tokens):
            for token in sorted(set(tokens)):
                where.setdefault(token, []).append(i)
        most = len(self.texts) // 50
        return {
            w: np.array(rows)
            for w, rows in where.items()
            if LEAST_ROWS * 2 <= len(rows) <= most and len(w) > 2 and w not in UNSEEN
        }


SOURCES = {
    "gutenberg_en": "book",
    "masc": "web",
    "factbook": "country",
    "us_speeches": "speech",
    "eltec_eng": "novel",
}
"""What documents of each source are called as a class."""

DISORDERS = (("natural", "shuffled"), ("ordered", "swapped"))
"""What rows in order and out of order are called, for each way of disturbing it."""
DISORDERED = 2000
"""Rows disturbed in each way."""

SURFACES: tuple[tuple[str, tuple[str, str]], ...] = (
    (r"\?", ("question", "statement")),
    (r"\d", ("number", "none")),
    (r"[\"“”']", ("quoted", "plain")),
    (r"\b(I|me|my|we|our)\b", ("first", "third")),
    (r"\b(he|his|him|she|her)\b", ("person", "thing")),
    (r"^[a-z]", ("lower", "upper")),
    (r"^.{90,}", ("long", "short")),
    (r"\w+ed\b.*\w+ed\b", ("past", "present")),
    (r",", ("comma", "none")),
    (r"\b(not|no|never|nothing|nor|n't)\b", ("denied", "stated")),
    (r"\b[A-Z]\w+ [A-Z]\w+", ("name", "none")),
)
"""Patterns that divide sentences, and what the two sides are called."""


def _groups(labels: NDArray[np.int64]) -> dict[int, Rows]:
    order = np.argsort(labels, kind="stable")
    found, starts = np.unique(labels[order], return_index=True)
    parts = np.split(order, starts[1:])
    return {int(k): rows for k, rows in zip(found, parts, strict=True) if len(rows) >= LEAST_ROWS}


def _apart(kind: str, classes: list[Rows], words: tuple[str, ...]) -> Task | None:
    """Leave out rows that would be in two classes."""
    rows, counts = np.unique(np.concatenate(classes), return_counts=True)
    twice = set(rows[counts > 1].tolist())
    own = tuple(np.array([i for i in part if i not in twice], dtype=np.int64) for part in classes)
    return Task(kind, own, words) if min(map(len, own)) >= LEAST_ROWS else None


def name_topics(work: Path, teacher: str) -> int:
    """Write the teacher's vectors of common words, which name topics; return how many."""
    from transformers import AutoTokenizer

    tokenizer = AutoTokenizer.from_pretrained(work / "tokenizer")
    counts = np.load(work / "counts.npy")
    words = [
        word
        for i in np.argsort(-counts)[150:]
        if re.fullmatch(r" [a-z]{4,}", word := tokenizer.decode([int(i)])) and word.strip() not in UNSEEN
    ]
    words = [w.strip() for w in words[:3000]]
    np.savez(work / "topics.npz", words=np.array(words), vectors=embed(words, teacher))
    return len(words)
