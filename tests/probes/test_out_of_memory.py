"""Memory that really ends halves what is read at a time, changes nothing else, and is no end of the run."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from probes.errors import OutOfMemory
from probes.fitting import fit
from probes.hardware import memory_is_an_outcome, with_fewer_rows
from probes.model import ModelFacts
from probes.recipe import Tuning
from probes.workbench import Workbench

pytestmark = pytest.mark.skipif(sys.platform != "linux", reason="only Linux holds a process to RLIMIT_AS")


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Any]:
    """Return what became of measurements in a process with little memory; see `tests.probes.exhausting`."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.probes.exhausting", str(tmp_path_factory.mktemp("exhausted"))],
        env={**os.environ, "OMP_NUM_THREADS": "1", "MALLOC_ARENA_MAX": "1"},
        cwd=Path(__file__).parents[2],
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    answer: dict[str, Any] = json.loads(done.stdout)
    return answer


def test_a_batch_that_does_not_fit_is_accumulated_from_parts(found: dict[str, Any]) -> None:
    free, little = found["tuned"]["free"], found["tuned"]["little"]
    parts = little["recipe"]["gradient_accumulation"]
    assert parts in {2, 4, 8, 16}
    rows = 16 // parts
    said = f"memory ran out at 16 rows at a time; {rows} at a time, {parts} accumulated, the effective batch stays 16"
    assert said in little["notes"]
    assert "memory" not in " ".join(free["notes"])
    assert little["recipe"] == free["recipe"] | {"gradient_accumulation": parts}


def test_the_parts_learn_what_the_whole_learns(found: dict[str, Any]) -> None:
    """26 rows: a step of 16 and one of 10, whose last part is smaller than the others."""
    free, little = found["tuned"]["free"], found["tuned"]["little"]
    assert little["loss"] == pytest.approx(free["loss"], rel=1e-4)
    assert little["validation_score"] == free["validation_score"]
    np.testing.assert_allclose(little["test"], free["test"], atol=1e-3)


def test_what_fitted_is_where_the_next_run_starts(found: dict[str, Any]) -> None:
    again = found["tuned"]["again"]
    assert again["recipe"]["gradient_accumulation"] == found["tuned"]["little"]["recipe"]["gradient_accumulation"]
    assert again["notes"][-1] == found["tuned"]["little"]["notes"][-1]
    assert found["tuned"]["starts"] == ["tuning at learning rate 0.001 1"], "it began once"


def test_texts_are_read_fewer_at_a_time(found: dict[str, Any]) -> None:
    np.testing.assert_allclose(found["read"]["little"], found["read"]["free"], atol=1e-5)
    free, little = found["read"]["done"][:2], found["read"]["done"][2:]
    assert free == [32, 40]
    assert little[0] < 32
    assert little[-1] == 40


def test_prompts_are_read_fewer_at_a_time(found: dict[str, Any]) -> None:
    np.testing.assert_allclose(found["prompted"]["little"], found["prompted"]["free"], atol=1e-4)
    free, little = found["prompted"]["done"]["free"], found["prompted"]["done"]["little"]
    assert len(little) > len(free)
    assert little[-1] == free[-1] == 40


def test_what_does_not_fit_at_all_is_not_measured_and_the_others_are(found: dict[str, Any]) -> None:
    verdicts = found["hopeless"]
    verdict, because = verdicts.pop("full")
    assert verdict == "NOT_MEASURED"
    assert because.startswith("memory ran out at 1 row of up to 64 tokens at a time")
    assert sorted(verdicts) == ["baseline", "linear_probe", "lora"]
    assert all(verdict != "NOT_MEASURED" for verdict, _ in verdicts.values()), verdicts


@pytest.mark.parametrize(
    ("batch", "rows", "parts"), [(16, 16, 1), (16, 7, 4), (12, 5, 3), (6, 2, 3), (7, 3, 7), (1, 1, 1)]
)
def test_parts_divide_the_batch(batch: int, rows: int, parts: int) -> None:
    recipe = Tuning(pooling="mean", max_length=16, learning_rate=1e-3, batch_size=batch).in_parts(rows)
    assert (recipe.gradient_accumulation, recipe.batch_size) == (parts, batch)
    assert recipe.rows_at_once * parts == batch
    assert recipe.in_parts(rows) == recipe


@pytest.mark.parametrize(
    "error",
    [
        MemoryError(),
        OSError(12, "Cannot allocate memory"),
        RuntimeError("MPS backend out of memory (MPS allocated: 1 GB)"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError("std::bad_alloc"),
    ],
)
def test_every_allocator_is_heard(error: Exception) -> None:
    with pytest.raises(OutOfMemory, match="memory ran out at work") as ended, memory_is_an_outcome("at work", 3):
        raise error
    assert ended.value.rows == 3


def test_what_was_learned_before_memory_ran_out_is_not_lost(
    encoder: ModelFacts, make_bench: Callable[..., Workbench], tmp_path: Path
) -> None:
    """A training that keeps checkpoints goes on from the last one, with fewer rows at a time."""
    steps: list[int] = []

    def run_out_once(what: str, done: int, _: int) -> None:
        if what.startswith("tuning"):
            steps.append(done)
            if steps == list(range(1, 14)):
                raise MemoryError

    recipe = Tuning(pooling="mean", max_length=16, learning_rate=3e-3, epochs=3, patience=3, batch_size=16)
    bench = make_bench(encoder)
    whole = fit(recipe, bench, bench.data.train).probabilities(bench.data.test)
    fitted = fit(recipe, make_bench(encoder, progress=run_out_once), bench.data.train, checkpoints=tmp_path / "run")
    assert steps == [*range(1, 14), *range(13, 19)], "six steps an epoch: the third is made again"
    assert fitted.recipe == recipe.in_parts(8)
    np.testing.assert_allclose(fitted.probabilities(bench.data.test), whole, atol=1e-3)


def test_what_fewer_rows_cannot_mend_is_not_tried_again() -> None:
    tried: list[int] = []

    def attempt(rows: int) -> None:
        tried.append(rows)
        raise OutOfMemory("memory ran out while the model was loaded")

    with pytest.raises(OutOfMemory):
        with_fewer_rows(attempt, 16)
    assert tried == [16]
