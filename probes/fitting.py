"""From a recipe to a fitted classifier, and from recipes to a measurement: the one path for probes and for training."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from pathlib import Path

from probes.adapters import quantisation_missing
from probes.bag_of_words import fit_bag_of_words
from probes.data import Rows
from probes.errors import MeasurementFailed, SettingError
from probes.fitted import Fitted
from probes.frozen import fit_probe
from probes.hardware import PeakMemory
from probes.measurement import Measurement, Trial
from probes.recipe import BagOfWords, FrozenFeatures, Lora, Prompt, Recipe, Tuning
from probes.sampling import take_nested
from probes.statistics import score
from probes.training import FittedTuning, fit_tuning
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
    with bench.deadline.enforced():
        match recipe:
            case BagOfWords():
                data = bench.data.model_copy(update={"train": train})
                return fit_bag_of_words(
                    recipe, data, metric=bench.metric, deadline=bench.deadline, progress=bench.progress
                )
            case FrozenFeatures():
                return fit_probe(recipe, bench, train)
            case Tuning():
                return fit_tuning(recipe, bench, train, checkpoints=checkpoints, resume=resume)
            case Prompt():
                from probes.prompting import fit_prompt

                bench.drop_frozen()
                return fit_prompt(recipe, bench, train)


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


def search(
    recipes: tuple[Recipe, ...],
    bench: Workbench,
    train: Rows,
    *,
    known: Mapping[str, Trial],
    record: Callable[[Trial], None],
) -> tuple[int, Fitted | None, tuple[Trial, ...]]:
    """Try recipes on validation rows and name the best.

    Parameters
    ----------
    recipes : tuple of Recipe
        They differ in their learning rate.
    bench : Workbench
    train : Rows
    known : mapping
        Trials that finished earlier, by setting; they are not run again.
    record : callable
        Called with each new trial as soon as it has finished.

    Returns
    -------
    best : int
        Index into `recipes`.
    fitted : Fitted or None
        The best classifier, if it was fitted here.
    trials : tuple of Trial

    Raises
    ------
    MeasurementFailed
        If every recipe failed.
    """
    trials: dict[int, Trial] = {}
    best: tuple[tuple[float, float], int, Fitted | None] | None = None
    failures = []
    for index, recipe in enumerate(recipes):
        setting = describe(recipe)
        fitted: Fitted | None = None
        if setting in known:
            trial = known[setting]
        else:
            start = time.monotonic()
            try:
                fitted = fit(recipe, bench, train)
            except MeasurementFailed as error:
                failures.append(str(error))
                continue
            trial = Trial(
                setting=setting,
                train_rows=len(train),
                validation_score=fitted.validation_score or 0.0,
                validation_loss=fitted.validation_loss if isinstance(fitted, FittedTuning) else 0.0,
                converged=fitted.converged,
                why_not=fitted.why_not,
                seconds=time.monotonic() - start,
            )
            record(trial)
        trials[index] = trial
        key = (trial.validation_score, -trial.validation_loss)
        if best is None or key > best[0]:
            best = (key, index, fitted)
    if best is None:
        raise MeasurementFailed("; ".join(dict.fromkeys(failures)) or "there was no recipe to try")
    return best[1], best[2], tuple(trials.values())


def describe(recipe: Recipe) -> str:
    """Return the setting that tells a recipe from the others of its search.

    Examples
    --------
    >>> describe(Tuning(pooling="mean", max_length=64, learning_rate=2e-5))
    'learning_rate=2e-05'
    """
    return f"learning_rate={recipe.learning_rate:g}" if isinstance(recipe, Tuning) else recipe.method


def measure(
    strategy: str,
    recipes: tuple[Recipe, ...],
    bench: Workbench,
    *,
    train_rows: int,
    search_rows: int,
    seed: int,
    known: Mapping[str, Trial],
    record: Callable[[Trial], None],
) -> Measurement:
    """Measure: choose a recipe on validation rows, fit it, score every test row once.

    Parameters
    ----------
    strategy : str
        Name to file the measurement under.
    recipes : tuple of Recipe
        One, or several to choose from on validation rows.
    bench : Workbench
    train_rows : int
        Rows to learn from, the first of one nested stratified order.
    search_rows : int
        Rows the search learns from; if as many as `train_rows`, its best run is the measurement.
    seed : int
    known, record
        See `search`.

    Returns
    -------
    Measurement

    Raises
    ------
    OutOfTime, MeasurementFailed
        See `fit`.
    """
    import numpy as np

    train = take_nested(bench.data.train, train_rows, bench.data.split_seed)
    start = time.monotonic()
    with PeakMemory(bench.device) as memory:
        trials: tuple[Trial, ...] = ()
        chosen, fitted = 0, None
        if len(recipes) > 1:
            sample = take_nested(train, search_rows, bench.data.split_seed)
            chosen, fitted, trials = search(recipes, bench, sample, known=known, record=record)
            if len(sample) < len(train):
                fitted = None
        if fitted is None:
            fitted = fit(recipes[chosen], bench, train)
        with bench.deadline.enforced():
            predictions = fitted.probabilities(bench.data.test).argmax(axis=1).astype(np.int64)
    return Measurement(
        strategy=strategy,
        model=None if bench.model is None else bench.model.name,
        recipe=fitted.recipe,
        train_rows=len(train),
        seed=seed,
        metric=bench.metric,
        score=score(bench.metric, np.array(bench.data.test.labels), predictions),
        validation_score=fitted.validation_score,
        predictions=tuple(int(p) for p in predictions),
        converged=fitted.converged,
        why_not=fitted.why_not,
        trials=trials or fitted.trials,
        seconds=time.monotonic() - start,
        peak_bytes=memory.bytes,
        tokens=fitted.tokens,
        notes=fitted.notes,
    )
