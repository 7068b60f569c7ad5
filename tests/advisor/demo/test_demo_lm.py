"""The language model that comes along reads labels off its prompt, those of the bundled rows among them."""

from __future__ import annotations

import csv
import functools
import random
from typing import Any

import numpy as np
import pytest

from advisor.demo import ROWS
from probes.deadline import Deadline
from probes.features import load_tokenizer
from probes.likelihood import LabelEncoder, LabelLikelihood
from probes.model import read_model
from probes.prompting import load_causal_lm


@pytest.fixture(scope="module")
def asked() -> LabelLikelihood:
    return LabelLikelihood(
        load_causal_lm(read_model("demo-lm"), "cpu"), device="cpu", batch_size=1, deadline=Deadline(None)
    )


@functools.cache
def tokenizer() -> Any:
    return load_tokenizer(read_model("demo-lm"))


def answer(likelihood: LabelLikelihood, shown: list[tuple[str, str]], text: str, words: list[str]) -> str:
    encode = LabelEncoder(tokenizer(), tuple(" " + w for w in words), special_tokens=True)
    head = f"Choose the label that fits best. Labels: {', '.join(sorted(words))}.\n\n"
    head += "".join(f"Text: {t}\nLabel: {w}\n\n" for t, w in shown)
    asked, empty = likelihood.scores([encode.joint(f"{head}Text: {t}\nLabel:") for t in (text, "N/A")])
    logs = [scores - np.logaddexp.reduce(scores) for scores in (asked, empty)]
    return words[int((logs[0] - logs[1]).argmax())]


def test_the_label_of_a_row_that_was_shown_is_copied(asked: LabelLikelihood) -> None:
    rng = random.Random(0)
    with ROWS.open(encoding="utf-8", newline="") as file:
        texts = [row["text"] for row in csv.DictReader(file)]
    words = ["violet", "copper", "river", "lantern", "marble", "thunder"]
    right = 0
    for _ in range(40):
        shown = [(t, w) for t, w in zip(rng.sample(texts, 6), rng.sample(words, 6), strict=True)]
        text, word = rng.choice(shown)
        right += answer(asked, shown, text, words) == word
    assert right >= 28  # chance: 7


def test_classes_of_the_bundled_rows_are_told_apart_from_demonstrations(asked: LabelLikelihood) -> None:
    rng = random.Random(1)
    by_class: dict[str, list[str]] = {}
    with ROWS.open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            by_class.setdefault(row["label"], []).append(row["text"])
    right = 0
    for _ in range(100):
        classes = rng.sample(sorted(by_class), 3)
        drawn = {c: rng.sample(by_class[c], 9) for c in classes}
        shown = [(t, c.replace("_", " ")) for c in classes for t in drawn[c][1:]]
        rng.shuffle(shown)
        asked_for = rng.choice(classes)
        words = [c.replace("_", " ") for c in classes]
        right += answer(asked, shown, drawn[asked_for][0], words) == asked_for.replace("_", " ")
    assert right >= 43  # chance: 33, and 42 in one of thirty tries
