"""From recipes to a measurement: validation rows choose a recipe, it is fitted, and every test row is scored once."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from probes.data import Rows
from probes.fitted import Fitted
from probes.fitting import fit
from probes.hardware import PeakMemory
from probes.measurement import Measurement, Trial
from probes.recipe import Recipe
from probes.sampling import order_of_seed, take_nested
from probes.searching import UNHURRIED, WIDER, SearchTime, describe, search
from probes.statistics import score
from probes.workbench import Workbench

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


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
    search_time: SearchTime = UNHURRIED,
    beyond: int = WIDER,
    chosen_by: tuple[Trial, ...] = (),
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
        Rows to learn from, the first of one nested stratified order; seeds above 0 have an order of their own.
    search_rows : int
        Rows the search learns from; if as many as `train_rows`, its best run is the measurement.
    seed : int
    known, record, search_time, beyond
        See `probes.searching.search`.
    chosen_by : tuple of Trial
        The trials of an earlier search, which chose the one recipe, or the middle one.

    Returns
    -------
    Measurement

    Raises
    ------
    OutOfTime, MeasurementFailed
        See `fit`.
    """
    import numpy as np

    order = order_of_seed(bench.data.split_seed, seed)
    train = take_nested(bench.data.train, train_rows, order)
    start = time.monotonic()
    with PeakMemory(bench.device) as memory:
        trials: tuple[Trial, ...] = ()
        before: tuple[Trial, ...] = ()
        chosen, fitted, cut_off = recipes[0], None, ""
        if len(recipes) > 1:
            sample = take_nested(train, search_rows, order)
            found = search(
                recipes,
                bench,
                sample,
                known=known,
                record=record,
                search_time=search_time,
                followed=len(sample) < len(train),
                beyond=beyond,
            )
            chosen, fitted, trials, cut_off = found.best, found.fitted, found.trials, found.cut_off
            if len(sample) < len(train):
                fitted, before = None, trials
            else:  # the best of them is the measurement itself, also where it was tried by a process that died
                before = tuple(trial for trial in trials if trial.setting != describe(chosen))
        if fitted is None:
            fitted = fit(chosen, bench, train)
        with bench.deadline.enforced():
            validation = _classes(fitted, bench.data.validation)
            predictions = _classes(fitted, bench.data.test)
    return Measurement(
        strategy=strategy,
        model=None if bench.model is None else bench.model.name,
        recipe=fitted.recipe,
        train_rows=len(train),
        seed=seed,
        metric=bench.metric,
        score=score(bench.metric, np.array(bench.data.test.labels), predictions),
        validation_score=fitted.validation_score,
        validation_predictions=tuple(int(p) for p in validation),
        predictions=tuple(int(p) for p in predictions),
        converged=fitted.converged,
        why_not=fitted.why_not,
        # Whose trials are named was searched for: one that was cut off is not, unless it looked at a choice again.
        trials=(() if cut_off and not (chosen_by and len(trials) > 1) else trials) or fitted.trials or chosen_by,
        cut_off=cut_off,
        search_seconds=sum(t.seconds for t in (before if cut_off else trials) if t.setting not in known),
        seconds=time.monotonic() - start,
        peak_bytes=memory.bytes,
        tokens=sum(trial.tokens for trial in before) + fitted.tokens,
        notes=(*fitted.notes, *bench.cache.news()),
    )


def _classes(fitted: Fitted, rows: Rows) -> NDArray[np.int64]:
    """Return the index of the likeliest class of each row."""
    import numpy as np

    return np.asarray(fitted.probabilities(rows).argmax(axis=1), dtype=np.int64)
