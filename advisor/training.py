"""`advisor train`: a config in, a model folder out, on the same path that the probes measured."""

from __future__ import annotations

import contextlib
import json
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

from advisor import caches
from advisor.config import TrainingConfig, to_yaml
from advisor.model_card import model_card
from probes.base import Frozen
from probes.data import TaskData, load_task
from probes.errors import InputError, MeasurementFailed, SettingError
from probes.features import FeatureCache, Progress, no_progress
from probes.files import write_text
from probes.hardware import PeakMemory, inspect_hardware
from probes.measurement import Metric
from probes.model import ModelFacts, read_model
from probes.recipe import Lora, Recipe, Tuning
from probes.sampling import take_nested
from probes.statistics import score, wilson
from probes.workbench import Workbench

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

    from probes.fitted import Fitted

MARK = "advisor.json"
"""Tells a folder that `train` wrote from any other, and holds what `predict` needs besides the model."""

CHECKPOINTS = "checkpoints"


class Trained(Frozen):
    """What a training left behind; `metrics.json` holds the same."""

    folder: str
    strategy: str
    model: str | None
    metric: Metric
    test_score: float
    """Score on the test rows, which chose nothing."""
    test_low: float
    test_high: float
    """Two-sided 95 % Wilson interval of the share of test rows that are right, whatever the metric."""
    accuracy: float
    validation_score: float | None
    train_rows: int
    validation_rows: int
    test_rows: int
    converged: bool
    why_not: str
    """If not converged, the reason."""
    seconds: float
    peak_bytes: int
    tokens: int
    loads_as: str
    """How to load it without this project."""
    notes: tuple[str, ...]


class Mark(Frozen):
    """What `predict` needs besides the model."""

    classes: tuple[str, ...]
    text_column: str
    text_pair_column: str | None
    label_column: str
    max_length: int
    """Tokens that the saved tokenizer makes of a text at most, a soft prompt included."""
    kind: str
    """`bag_of_words`, `pooled` (sentence-transformers), `transformers`, `peft` or `prompt`."""
    four_bits: bool = False
    """Whether a `peft` adapter was trained over weights in four bits, so that its base is read likewise."""


def train(
    config: TrainingConfig,
    folder: Path,
    *,
    resume: bool = False,
    progress: Progress = no_progress,
    say: Callable[[str], None] = lambda _: None,
) -> Trained:
    """Train a config and leave the model, tokenizer, metrics, config and model card in a folder.

    Parameters
    ----------
    config : TrainingConfig
    folder : Path
        New, empty, or with `resume` one that an interrupted training left.
    resume : bool
        Go on from the last checkpoint.
    progress : callable
    say : callable
        Called with a sentence when something begins.

    Returns
    -------
    Trained
    """
    started = time.monotonic()
    _check_folder(folder, config, resume)
    model = _model(config)
    say("reading rows")
    data = _data(config, say)
    if not resume:
        _begin(folder, config)
    bench = Workbench(
        data=data,
        model=model,
        hardware=inspect_hardware(),
        metric=config.metric,
        progress=progress,
        cache=FeatureCache(caches.cache_folder() / "features"),
    )
    rows = take_nested(data.train, config.data.train_rows or len(data.train), data.split_seed)
    say(f"training on {len(rows):,} rows")
    from probes.fitting import fit

    with PeakMemory(bench.device) as memory:
        try:
            fitted = fit(config.method, bench, rows, checkpoints=folder / CHECKPOINTS, resume=resume)
        except InputError:
            _abandon(folder)
            raise
        except MeasurementFailed as error:
            _abandon(folder)
            raise SettingError(
                f"the training failed: {error}", "Change `method` in the config and train again."
            ) from None
    say("scoring the test rows")
    predictions = fitted.probabilities(data.test).argmax(axis=1)
    say("saving")
    loads_as = fitted.save(folder)
    trained = _summary(config, folder, data, len(rows), fitted, predictions, loads_as, started, memory.bytes)
    write_text(
        folder / "metrics.json", json.dumps(trained.model_dump(mode="json"), indent=2, ensure_ascii=False) + "\n"
    )
    write_text(folder / "README.md", model_card(config, trained, data, model))
    mark = Mark(
        classes=data.classes,
        text_column=data.columns.text,
        text_pair_column=data.columns.text_pair,
        label_column=data.columns.label,
        max_length=config.method.read_length
        if isinstance(config.method, Tuning)
        else getattr(config.method, "max_length", 0),
        kind=_kind(folder),
        four_bits=_four_bits(config.method),
    )
    write_text(folder / MARK, mark.model_dump_json(indent=2) + "\n")
    _remove_checkpoints(folder)
    return trained


def _check_folder(folder: Path, config: TrainingConfig, resume: bool) -> None:
    """Keep what a user has in the folder safe; nothing is written before all that was given can be used."""
    if folder.is_file():
        raise SettingError(f"--out {folder} is a file", "Give a folder that is new or empty.")
    own = folder / "config.yaml"
    if resume:
        if not own.is_file() or (folder / MARK).is_file():
            state = "is a finished training" if (folder / MARK).is_file() else "holds no interrupted training"
            raise SettingError(f"--resume: {folder} {state}", "Leave --resume out and give a new --out folder.")
        if own.read_text(encoding="utf-8") != to_yaml(config):
            raise SettingError(
                f"--resume: {folder} was trained by another config", "Give the same config, or a new --out."
            )
    elif folder.is_dir() and any(folder.iterdir()):
        go_on = " or add --resume to go on" if own.is_file() and not (folder / MARK).is_file() else ""
        raise SettingError(f"--out {folder} is not empty", f"Give a folder that is new or empty{go_on}.")


def _begin(folder: Path, config: TrainingConfig) -> None:
    """Make the folder; the config in it tells an interrupted training from anything else."""
    try:
        write_text(folder / "config.yaml", to_yaml(config))
    except OSError as error:
        raise SettingError(f"--out {folder} cannot be written ({error.strerror})", "Give another folder.") from None


def _abandon(folder: Path) -> None:
    """Leave no folder behind where nothing was learned yet, so that a mended config may have the same one."""
    checkpoints = folder / CHECKPOINTS
    with contextlib.suppress(OSError):
        if checkpoints.is_dir():
            checkpoints.rmdir()  # fails, and ends this, where a checkpoint lies in it
        (folder / "config.yaml").unlink()
        folder.rmdir()


def _data(config: TrainingConfig, say: Callable[[str], None]) -> TaskData:
    section = config.data
    data = load_task(
        section.source,
        text_column=section.text_column,
        text_pair_column=section.text_pair_column,
        label_column=section.label_column,
        split_column=section.split_column,
        split_seed=section.split_seed,
        skip_bad_rows=section.skip_bad_rows,
        drop_rare_classes=section.drop_rare_classes,
    )
    if section.fingerprint is not None and section.fingerprint != data.fingerprint:
        say(f"note: the rows of {section.source} are not those that were measured; scores may differ")
    return data


def _model(config: TrainingConfig) -> ModelFacts | None:
    needs = config.method.method != "bag_of_words"
    if config.model is None:
        if needs:
            raise SettingError(
                f"the config has no model, but method {config.method.method} needs one",
                "Fill in `model:` with `name:`.",
            )
        return None
    section = config.model
    return read_model(section.name, revision=section.revision, trust_remote_code=section.trust_remote_code)


def _summary(
    config: TrainingConfig,
    folder: Path,
    data: TaskData,
    rows: int,
    learned: Fitted,
    predictions: NDArray[np.int64],
    loads_as: str,
    started: float,
    peak: int,
) -> Trained:
    import numpy as np

    labels = np.array(data.test.labels)
    accuracy = score("accuracy", labels, predictions)
    low, high = wilson(accuracy, len(labels))
    return Trained(
        folder=str(folder),
        strategy=config.strategy,
        model=config.model.name if config.model else None,
        metric=config.metric,
        test_score=score(config.metric, labels, predictions),
        test_low=low,
        test_high=high,
        accuracy=accuracy,
        validation_score=learned.validation_score,
        train_rows=rows,
        validation_rows=len(data.validation),
        test_rows=len(data.test),
        converged=learned.converged,
        why_not=learned.why_not,
        seconds=time.monotonic() - started,
        peak_bytes=peak,
        tokens=learned.tokens,
        loads_as=loads_as,
        notes=learned.notes,
    )


def _kind(folder: Path) -> str:
    """Tell by its files what kind of model a folder holds."""
    for file, kind in (
        ("classifier.skops", "bag_of_words"),
        ("prompt.json", "prompt"),
        ("modules.json", "pooled"),
        ("adapter_config.json", "peft"),
    ):
        if (folder / file).is_file():
            return kind
    return "transformers"


def _four_bits(method: Recipe) -> bool:
    return isinstance(method, Tuning) and isinstance(method.adapter, Lora) and method.adapter.quantised


def _remove_checkpoints(folder: Path) -> None:
    import shutil

    shutil.rmtree(folder / CHECKPOINTS, ignore_errors=True)
