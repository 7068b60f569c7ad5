"""Episodes of labelled demonstrations are fair, and their judges answer."""

from __future__ import annotations

import collections
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from benchmarks.label_episodes import (
    Prompted,
    Source,
    episodes,
    load_source,
    nearest_by_vectors,
    nearest_by_words,
    summary,
)
from tests.probes.prompting_bench import save_causal_lm, tokenizer

WORDS = {"bill": "invoice charge refund", "card": "card pin chip", "log in": "password login account", "other": "hello"}


@pytest.fixture
def source(tmp_path: Path) -> Source:
    rows = tmp_path / "rows.jsonl"
    with rows.open("w", encoding="utf-8") as out:
        for k in range(640):
            label = list(WORDS)[k % 4]
            split = ("train", "train", "validation", "test")[k // 160]
            text = f"{WORDS[label]} {k}"
            out.write(json.dumps({"text": text, "label": label, "split": split}) + "\n")
    return load_source("made", str(rows), 3, frozenset({"other"}))


@pytest.mark.parametrize("words", [None, ["alpha", "beta", "gamma", "delta"]])
def test_episodes_show_every_class_alike_and_ask_for_each(source: Source, words: list[str] | None) -> None:
    drawn = episodes(source, 200, 8, words, seed=0)
    names = {"bill", "card", "log in"}
    for episode in drawn:
        assert collections.Counter(k for _, k in episode.shown) == {0: 8, 1: 8, 2: 8}
        assert len({i for i, _ in episode.shown}) == 24
        assert set(episode.words) <= set(words or names)
        classes = [{source.train.labels[i] for i, k in episode.shown if k == n} for n in range(3)]
        assert classes[episode.answer] == {source.test.labels[episode.query]}
    assert {source.classes[c] for c in source.test.labels} == names
    answers = collections.Counter(e.answer for e in drawn)
    assert min(answers.values()) > 40
    assert drawn == episodes(source, 200, 8, words, seed=0)
    assert drawn != episodes(source, 200, 8, words, seed=1)


def test_nearest_neighbours_solve_what_words_solve(source: Source) -> None:
    drawn = episodes(source, 50, 4, None, seed=0)
    assert nearest_by_words(source, drawn).all()
    vocabulary = sorted({w for words in WORDS.values() for w in words.split()})

    def embed(texts: list[str]) -> Any:
        counts = np.array([[t.split().count(w) for w in vocabulary] for t in texts], dtype=np.float32)
        return counts / np.linalg.norm(counts, axis=1, keepdims=True)

    assert nearest_by_vectors(embed)(source, drawn).all()


def test_a_model_that_learned_nothing_stands_at_chance(source: Source, tmp_path: Path) -> None:
    facts = save_causal_lm(tmp_path / "lm", "llama", tokenizer("bytes"), context=512)
    found = summary(Prompted(facts)(source, episodes(source, 60, 1, None, seed=0)))
    assert found["low"] < 1 / 3 + 0.15
    assert found["episodes"] == 60
