"""How well `demo-lm` classifies from demonstrations on data sets it never saw.

    python -m benchmarks.demo_lm [--quick] [--json]

Episodes: 3 random classes where a data set has more, 8 demonstrations of each class in random order from its training
rows, one text of its test rows, 500 times; labels are the class names, or words drawn at random for each episode.
Prompts and scores are those of the probes (label likelihood with contextual calibration). Held against chance, the
nearest demonstration by MiniLM's embeddings and by TF-IDF, and stories260K, another small causal language model, where
`ADVISOR_STORIES` or the folder beside the checkout has it. The curve over demonstrations has random words as labels.
`ADVISOR_DEMO_LM` names another model to measure.
"""

from __future__ import annotations

import functools
import os
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.common import SHARED, Claim, dataset, main
from benchmarks.label_episodes import (
    Judge,
    Prompted,
    embed,
    episodes,
    load_source,
    nearest_by_vectors,
    nearest_by_words,
    summary,
)

UNSEEN = {"banking77": 3, "clinc150_small": 3, "medical_abstracts": 3, "sentence_polarity": 2, "subjectivity": 2}
"""Data sets and classes of an episode; no row of any of them was trained on."""
SHOTS = 8
EPISODES = 500
CURVE = (1, 2, 4, 8, 16)
CURVE_EPISODES = 120
_TABLE: dict[str, Any] = {}


def measure(quick: bool) -> list[Claim]:
    """Measure all data sets, one on each core; quick takes two of them and 40 episodes, and no curve."""
    import multiprocessing
    from concurrent.futures import ProcessPoolExecutor

    from probes.model import read_model

    model = os.environ.get("ADVISOR_DEMO_LM") or "demo-lm"
    read_model(model)  # what is missing is said here, and not by a process of the pool
    names = [name for name in UNSEEN if not quick or UNSEEN[name] == 2]
    for name in names:
        dataset(name)
    with ProcessPoolExecutor(os.cpu_count(), mp_context=multiprocessing.get_context("spawn")) as pool:
        found = pool.map(_measured, names, [model] * len(names), [quick] * len(names))
        _TABLE.update(zip(names, found, strict=True))
    return _claims(quick)


def _measured(name: str, model: str, quick: bool) -> dict[str, Any]:
    """Measure one data set."""
    import torch

    from probes.features import load_tokenizer
    from probes.model import read_model

    torch.set_num_threads(1)
    facts = read_model(model)
    tokenizer = load_tokenizer(facts)
    vocabulary = (tokenizer.decode([i]) for i in range(len(tokenizer)))
    words = [w.strip() for w in vocabulary if re.fullmatch(r" [a-z]{3,}", w)]
    prompted = Prompted(facts)
    judges: dict[str, Judge] = {"demo-lm": prompted}
    stories = Path(os.environ.get("ADVISOR_STORIES") or SHARED.parent / "models" / "stories260K")
    if (stories / "config.json").is_file():
        judges["stories260K"] = Prompted(read_model(str(stories)))
    blind: dict[str, Judge] = {
        "nearest by MiniLM": nearest_by_vectors(functools.partial(embed, teacher="minilm")),
        "nearest by TF-IDF": nearest_by_words,
    }
    source = load_source(name, dataset(name), UNSEEN[name], frozenset({"oos"}))
    found: dict[str, Any] = {"chance": round(source.chance, 4)}
    for labels, given in (("names", None), ("random words", words)):
        drawn = episodes(source, 40 if quick else EPISODES, SHOTS, given, seed=0)
        # What the classes are called makes no difference to neighbours.
        asked = judges | blind if given is None else judges
        found[labels] = {who: summary(judge(source, drawn)) for who, judge in asked.items()}
    found["by demonstrations of a class"] = {
        str(shots): summary(prompted(source, episodes(source, CURVE_EPISODES, shots, words, seed=1)))
        for shots in (() if quick else CURVE)
    }
    return found


def _claims(quick: bool) -> list[Claim]:
    claims = []
    for labels in ("names", "random words"):
        leads, ahead = [], []
        for name, found in _TABLE.items():
            own = found[labels]["demo-lm"]
            others = {**found["names"], **found[labels]}
            beside = ", ".join(f"{who} {one['accuracy']:.3f}" for who, one in others.items() if who != "demo-lm")
            leads.append(own["accuracy"] - found["chance"])
            if "stories260K" in others:
                ahead.append(own["accuracy"] - others["stories260K"]["accuracy"])
            value = (
                f"{own['accuracy']:.3f} ({own['low']:.3f} to {own['high']:.3f}); chance {found['chance']:.3f}, {beside}"
            )
            claims.append(Claim(f"{name}, {labels}: accuracy", value, "reported", None))
        above = sum(found[labels]["demo-lm"]["low"] > found["chance"] for found in _TABLE.values())
        claims += [
            Claim(
                f"{labels}: data sets whose interval lies above chance", f"{above} of {len(_TABLE)}", "reported", None
            ),
            _goal(f"{labels}: points above chance, mean of the data sets", leads, 20),
            _goal(f"{labels}: points above stories260K, mean of the data sets", ahead, 15),
        ]
    curves = [list(found["by demonstrations of a class"].values()) for found in _TABLE.values()]
    if not quick:
        means = np.mean([[one["accuracy"] for one in curve] for curve in curves], axis=0)
        claims.append(
            Claim(
                "mean accuracy at 1, 2, 4, 8 and 16 demonstrations of a class",
                " ".join(f"{m:.3f}" for m in means),
                "rises from 1 to 16",
                bool(means[-1] > means[0] and np.polyfit(np.arange(5), means, 1)[0] > 0),
            )
        )
    return claims


def _goal(name: str, points: Sequence[float], least: int) -> Claim:
    if not points:
        return Claim(name, None, f"≥ {least}", None)
    value = round(100 * float(np.mean(points)), 1)
    return Claim(name, value, f"≥ {least}", value >= least)


if __name__ == "__main__":
    main("demo_lm", measure, lambda: {"accuracy": _TABLE})
