"""A process whose memory really ends: run as a program, it prints what becomes of measurements there, as JSON.

The limit is one on the address space (`RLIMIT_AS`), which allocators meet as they meet the end of the machine's memory.
It is set so much above what the process holds before a measurement, and lifted after it.
"""

from __future__ import annotations

import contextlib
import gc
import json
import resource
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

MIB = 2**20
TOKENS = 256
WIDE = {"hidden_size": 32, "intermediate_size": 4096, "num_hidden_layers": 2, "max_position_embeddings": TOKENS}
"""A network of few weights and large activations: 8 MiB a row and layer in training."""


@contextlib.contextmanager
def little_memory(mib: int) -> Iterator[None]:
    """Leave the process so many MiB more than it holds now."""
    import psutil

    before = resource.getrlimit(resource.RLIMIT_AS)
    held = int(psutil.Process().memory_info().vms)
    resource.setrlimit(resource.RLIMIT_AS, (held + mib * MIB, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_AS, before)


def long_rows(count: int, seed: int) -> Any:
    """Return rows of as many tokens as the network reads, and one word in ten tells the class."""
    from tests.probes.conftest import FILLERS, TOPICS, easy_rows

    rng = np.random.default_rng(seed)
    rows = easy_rows(count, seed)
    words = [
        rng.choice(tuple(TOPICS.values())[label] if rng.random() < 0.1 else FILLERS)
        for label in rows.labels
        for _ in range(TOKENS)
    ]
    texts = tuple(" ".join(words[i * TOKENS : (i + 1) * TOKENS]) for i in range(count))
    return rows.model_copy(update={"texts": texts})


def bench(folder: Path, kind: str, **settings: Any) -> Any:
    """Return a workbench of long rows with a model of large activations."""
    from probes.model import read_model
    from tests.probes.conftest import _make_bench, easy_task, make_model

    model = folder / kind
    if not model.is_dir():
        make_model(model, kind, **{**WIDE, **settings})
    data = easy_task().model_copy(
        update={"train": long_rows(26, 1), "validation": long_rows(6, 2), "test": long_rows(40, 3)}
    )
    return _make_bench(read_model(str(model)), data)


def tuned(folder: Path) -> dict[str, Any]:
    """Tune with all the memory and with little, twice on one workbench, and with what the little one came to."""
    from probes.fitting import fit
    from probes.recipe import Tuning

    recipe = Tuning(pooling="mean", max_length=TOKENS, learning_rate=1e-3, epochs=1, batch_size=16)
    steps: list[str] = []

    def run(here: Any, asked: Tuning) -> dict[str, Any]:
        fitted = fit(asked, here, here.data.train)
        return {
            "recipe": fitted.recipe.model_dump(mode="json"),
            "notes": fitted.notes,
            "validation_score": fitted.validation_score,
            "test": fitted.probabilities(here.data.test).tolist(),
            "loss": [h["loss"] for h in fitted.history if "loss" in h],  # type: ignore[attr-defined]
        }

    found = {"free": run(bench(folder, "encoder"), recipe)}
    here = bench(folder, "encoder")
    here.features(here.data.train, _probe())  # with all the memory
    here.features(here.data.validation, _probe())
    with little_memory(220):
        found["little"] = run(here, recipe)
    here.progress = lambda what, done, _: steps.append(f"{what} {done}")
    gc.collect()
    with little_memory(220):  # above what the allocator kept of the first run
        found["again"] = run(here, recipe.model_copy(update={"seed": 1}))
    found["starts"] = [step for step in steps if step.startswith("tuning") and step.endswith(" 1")]
    return found


def _probe() -> Any:
    from probes.recipe import FrozenFeatures

    return FrozenFeatures(pooling="mean", max_length=TOKENS)


def read(folder: Path) -> dict[str, Any]:
    """Read rows with all the memory and with little."""
    sizes: list[int] = []
    found = {}
    for name, mib in (("free", 10_000), ("little", 100)):
        here = bench(folder, "encoder")
        here.features(here.data.validation.take([0]), _probe())
        here.progress = lambda _, done, __: sizes.append(done)
        with little_memory(mib):
            found[name] = here.features(here.data.test, _probe()).tolist()
    return {**found, "done": sizes}


def prompted(folder: Path) -> dict[str, Any]:
    """Prompt with all the memory and with little."""
    from probes.fitting import fit
    from probes.recipe import Prompt

    found: dict[str, Any] = {"done": {}}
    for name, mib in (("free", 10_000), ("little", 100)):
        here = bench(folder, "causal", max_position_embeddings=512)
        done = found["done"][name] = []
        here.progress = lambda _, count, __, done=done: done.append(count)
        fitted = fit(Prompt(max_length=400, batch_size=32), here, here.data.train)
        done.clear()
        with little_memory(mib):
            found[name] = fitted.probabilities(here.data.test).tolist()
    return found


def hopeless(folder: Path) -> dict[str, Any]:
    """Probe rows with a model whose weights can be read but not all trained."""
    from advisor.api import probe
    from tests.conftest import tiny_rows, write_rows
    from tests.probes.conftest import make_model

    light = make_model(folder / "light", "encoder")
    model = make_model(folder / "heavy", "encoder", vocab_size=300_000)
    rows = write_rows(folder / "rows.jsonl", tiny_rows(60))
    arguments: Any = {"budget": None, "seeds": 1}
    probe(rows, str(light), run=folder / "warm", strategies="baseline,lora", **arguments)  # loads the libraries
    gc.freeze()  # what they hold is looked through no more
    with little_memory(125):
        found = probe(rows, str(model), run=folder / "run", strategies="baseline,linear_probe,lora,full", **arguments)
    return {v.strategy: (v.verdict, v.because) for v in found.verdicts}


if __name__ == "__main__":
    import torch

    torch.set_num_threads(1)
    gc.freeze()
    asked = {f.__name__: f for f in (tuned, read, prompted, hopeless)}
    print(json.dumps({name: asked[name](Path(sys.argv[1])) for name in sys.argv[2:] or asked}))
