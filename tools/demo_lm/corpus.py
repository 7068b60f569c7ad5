"""Sentences of the corpus, where each is from, and what the teacher makes of them."""

from __future__ import annotations

import hashlib
import json
import lzma
import random
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from benchmarks.label_episodes import embed

HELD_OUT = 20
"""One document of so many is kept from training, to measure on."""

A_DOCUMENT = 200
"""Sentences taken of a document at most, so that novels do not drown the rest."""

FINE, COARSE = 4000, 150
"""Clusters of sentences: about as fine as intents, and as coarse as subjects."""


@dataclass(frozen=True)
class Document:
    """A document of the corpus."""

    number: int
    source: str
    text: str

    @property
    def held_out(self) -> bool:
        """Whether it is kept from training."""
        return int(hashlib.sha256(self.text.encode()).hexdigest(), 16) % HELD_OUT == 0


def documents(file: Path) -> Iterator[Document]:
    """Read the corpus: JSON lines with `text` and `source`, packed by xz."""
    with lzma.open(file, "rt", encoding="utf-8") as lines:
        for number, line in enumerate(lines):
            row = json.loads(line)
            yield Document(number, row["source"], row["text"])


def sentences(document: Document, rng: random.Random) -> list[str]:
    """Return some sentences of a document, every third one cut to a few words, as short as what people type.

    Examples
    --------
    >>> here = Document(0, "here", "It was a fine day in May. No! The rain fell all night.")
    >>> sorted(sentences(here, random.Random(0)))
    ['It was a fine day in May.', 'The rain fell all night.']
    """
    text = re.sub(r"\s+", " ", document.text)
    found = [s.strip() for s in re.split(r"(?<=[.!?])[\"'”’)]*\s+(?=[\"'“‘(]?[A-Z])", text)]
    found = [s for s in found if 20 <= len(s) <= 240 and sum(c.isalpha() or c.isspace() for c in s) > 0.85 * len(s)]
    chosen = rng.sample(found, min(A_DOCUMENT, len(found)))
    short = []
    for sentence in chosen:
        words = sentence.split()
        if rng.random() < 1 / 3 and len(words) > 8:
            length = rng.randint(5, min(14, len(words)))
            start = rng.randint(0, len(words) - length)
            sentence = " ".join(words[start : start + length])
            if rng.random() < 0.5:
                sentence = sentence.lower().strip(" ,;:.")
        short.append(sentence)
    return short


def prepare(corpus: Path, work: Path, teacher: str, most: int) -> dict[str, Any]:
    """Write `sentences.jsonl`, `vectors.npy` and `clusters.npz`; return how many there are of each."""
    from sklearn.cluster import MiniBatchKMeans

    work.mkdir(parents=True, exist_ok=True)
    rng = random.Random(0)  # noqa: S311 - a sample, not a secret
    rows: dict[str, dict[str, Any]] = {}
    for document in documents(corpus):
        for text in sentences(document, rng):
            rows.setdefault(
                text, {"text": text, "document": document.number, "source": document.source, "held": document.held_out}
            )
    kept = list(rows.values())
    rng.shuffle(kept)
    kept = kept[:most]
    with (work / "sentences.jsonl").open("w", encoding="utf-8") as out:
        out.writelines(json.dumps(row, ensure_ascii=False) + "\n" for row in kept)
    vectors = embed([row["text"] for row in kept], teacher)
    np.save(work / "vectors.npy", vectors.astype(np.float16))
    clusters = {
        name: MiniBatchKMeans(min(count, len(kept) // 20), batch_size=8192, n_init=1, random_state=0).fit(vectors)
        for name, count in (("fine", FINE), ("coarse", COARSE))
    }
    np.savez(
        work / "clusters.npz",
        **{name: fitted.labels_.astype(np.int32) for name, fitted in clusters.items()},
        **{f"{name}_centres": fitted.cluster_centers_.astype(np.float32) for name, fitted in clusters.items()},
    )
    return {"sentences": len(kept), "held out": sum(row["held"] for row in kept)}


def read_sentences(work: Path) -> list[dict[str, Any]]:
    """Read what `prepare` wrote: `text`, `document`, `source`, and `held` where the document is held out."""
    with (work / "sentences.jsonl").open(encoding="utf-8") as lines:
        return [json.loads(line) for line in lines]


def teacher_space(work: Path) -> tuple[NDArray[np.float32], NDArray[np.float32], NDArray[np.float32]]:
    """Return the teacher's vectors about the mean of those of sentences trained on, and the principal axes of these.

    Returns
    -------
    vectors : array of float, shape (sentences, 384)
    mean : array of float, shape (384,)
    axes : array of float, shape (384, 384)
        One a row, the longest first.
    """
    read = np.array([not row["held"] for row in read_sentences(work)])
    vectors = np.load(work / "vectors.npy").astype(np.float32)
    mean = vectors[read].mean(axis=0)
    vectors -= mean
    _, _, axes = np.linalg.svd(vectors[read][:20_000], full_matrices=False)
    return vectors, mean, axes
