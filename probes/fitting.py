"""From a recipe to a fitted classifier: the one path for probes and for training."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from probes.adapters import quantisation_missing
from probes.bag_of_words import fit_bag_of_words
from probes.data import Rows
from probes.errors import RAN_OUT, MeasurementFailed, OutOfMemory, SettingError
from probes.fitted import Fitted
from probes.frozen import fit_probe
from probes.hardware import memory_is_an_outcome, with_fewer_rows
from probes.recipe import BagOfWords, FrozenFeatures, Lora, Prompt, Recipe, Tuning
from probes.training import FittedTuning, fit_tuning, last_checkpoint
from probes.workbench import Workbench


def fit(
    recipe: Recipe, bench: Workbench, train: Rows, *, checkpoints: Path | None = None, resume: bool = False
) -> Fitted:
    """Fit a classifier by a recipe.

    Parameters
    ----------
    recipe : Recipe
    bench : Workbench
        Gives validation rows, model, tokenizer, caches, deadline and progress.
    train : Rows
    checkpoints : Path, optional
        Where gradient descent keeps its checkpoints.
    resume : bool
        Whether gradient descent goes on from the newest checkpoint there.

    Returns
    -------
    Fitted

    Raises
    ------
    OutOfTime
        At the workbench's deadline.
    SettingError
        If the rows or the model cannot do what the recipe asks.
    MeasurementFailed
        If it cannot be fitted; the message says why.
    """
    _check(recipe, bench, train)
    with bench.deadline.enforced(), memory_is_an_outcome(f"while {len(train):,} rows were learned"):
        match recipe:
            case BagOfWords():
                data = bench.data.model_copy(update={"train": train})
                return fit_bag_of_words(
                    recipe, data, metric=bench.metric, deadline=bench.deadline, progress=bench.progress
                )
            case FrozenFeatures():
                return fit_probe(recipe, bench, train)
            case Tuning():
                return _tune(recipe, bench, train, checkpoints, resume)
            case Prompt():
                from probes.prompting import fit_prompt

                bench.drop_frozen()
                return fit_prompt(recipe, bench, train)


def _tune(recipe: Tuning, bench: Workbench, train: Rows, checkpoints: Path | None, resume: bool) -> FittedTuning:
    """Tune with as many rows at a time as memory holds; a step sees the same rows however many passes it takes.

    What fitted is kept on the workbench, so that the next run of the kind does not fail first.
    """
    kind = (recipe.adapter, recipe.layers, recipe.read_length, recipe.precision, recipe.gradient_checkpointing)
    most = min(recipe.rows_at_once, bench.rows_at_once.get(kind, recipe.rows_at_once))

    def attempt(rows: int) -> FittedTuning:
        if rows < recipe.rows_at_once:
            bench.rows_at_once[kind] = rows
        # What an attempt had learned when it ran out of memory is not lost.
        begun = checkpoints is not None and last_checkpoint(checkpoints) is not None
        go_on = resume or (begun and rows < most)
        return fit_tuning(recipe.in_parts(rows), bench, train, checkpoints=checkpoints, resume=go_on)

    if kind in bench.too_large:  # another learning rate needs no less
        raise OutOfMemory(bench.too_large[kind])
    try:
        fitted = with_fewer_rows(attempt, most)
    except OutOfMemory as error:
        bench.too_large[kind] = str(error)
        raise
    if fitted.recipe == recipe:
        return fitted
    note = (
        f"{RAN_OUT} at {recipe.rows_at_once} rows at a time; {fitted.recipe.rows_at_once} at a time, "
        f"{fitted.recipe.gradient_accumulation} accumulated, the effective batch stays {recipe.batch_size}"
    )
    return dataclasses.replace(fitted, notes=(*fitted.notes, note))


def _check(recipe: Recipe, bench: Workbench, train: Rows) -> None:
    """Refuse what no library would refuse in words: rows that miss a class, texts too long, four bits without a GPU."""
    if isinstance(recipe, Prompt):
        return
    classes = bench.data.classes
    known = set(train.labels)
    missing = [name for k, name in enumerate(classes) if k not in known]
    if missing:
        named = ", ".join(map(repr, missing[:5])) + ("…" if len(missing) > 5 else "")
        raise SettingError(
            f"the {len(train):,} training rows taken hold {len(known):,} of the {len(classes):,} classes (none of "
            f"{named})",
            f"Raise `train_rows` (--train-rows) to {len(classes):,} at least, or leave it out to learn from all rows.",
        )
    model = bench.model
    if isinstance(recipe, FrozenFeatures | Tuning) and model is not None and recipe.max_length > model.context:
        raise SettingError(
            f"max_length is {recipe.max_length:,}, but {model.name} reads {model.context:,} tokens at most",
            f"Set `max_length` in the config to {model.context} or less.",
        )
    if isinstance(recipe, Tuning) and model is not None and recipe.read_length > model.context:
        prompt = recipe.read_length - recipe.max_length
        raise SettingError(
            f"max_length is {recipe.max_length:,} and the soft prompt takes {prompt:,} tokens more, but {model.name} "
            f"reads {model.context:,} tokens at most",
            f"Set `max_length` in the config to {model.context - prompt} or less, or fewer `adapter.tokens`.",
        )
    if isinstance(recipe, Tuning) and isinstance(recipe.adapter, Lora) and recipe.adapter.quantised:
        lacking = quantisation_missing(bench.device)
        if lacking is not None:
            raise MeasurementFailed(lacking)
