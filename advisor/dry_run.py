"""The plan of a probe: which steps it would make, what they would take, and which of them the budget allows."""

from __future__ import annotations

import time

from advisor import caches
from advisor.choices import Choices
from advisor.events import Listener, Said, nobody
from advisor.outlook import beyond, foresee, foresee_curves
from advisor.plan import CURVE, Step
from advisor.preparing import enter, metric_of, read, rows_to_learn_from
from advisor.request import Request
from probes.base import Frozen
from probes.benches import Benches, Setting
from probes.errors import InputError, MeasurementFailed, OutOfTime
from probes.executor import unexpected
from probes.parallel import Parallel


class PlannedStep(Frozen):
    """One measurement of the plan."""

    strategy: str
    model: str | None
    """Name of the model; null where none takes part."""
    train_rows: int
    seed: int
    search_rows: int
    """Training rows of the search of its learning rate; 0 where it makes none."""
    seconds: float
    """What it is expected to take, by the measured speed of the model."""
    fits: bool
    """Whether the budget allows it."""
    curve: bool = False
    """Whether it only draws a learning curve, once the race is over."""


class LeftOut(Frozen):
    """A candidate that would not be measured."""

    strategy: str
    model: str | None
    """Name of the model; null where none takes part."""
    because: str
    """The reason."""


class ProbePlan(Frozen):
    """What a probe would do."""

    train_rows: int
    """Training rows its verdicts would be about."""
    budget_seconds: float | None
    """The budget; null without a limit."""
    steps: tuple[PlannedStep, ...]
    """In the order in which they would be made if every estimate is right and all score alike, then those that do
    not fit."""
    left_out: tuple[LeftOut, ...]
    """Candidates that do not apply, or cannot be measured."""
    workers: int
    """Measurements that would run at once."""
    seconds: float
    """What the steps that fit take together, shared out evenly among the workers but for those of learning curves."""
    seconds_beyond: float
    """What the others would take on top."""
    seconds_before: float
    """What reading, profiling and measuring speeds took: a probe takes it again, or less."""


def plan(
    request: Request,
    *,
    parallel: Parallel | None = None,
    listen: Listener = nobody,
    started: float | None = None,
) -> ProbePlan:
    """Plan a probe: measure the speed of each model and no candidate, and keep no run.

    Parameters
    ----------
    request : Request
    parallel : Parallel, optional
        How many measurements would run at once; a cluster of unknown size counts as one.
    listen : callable
        Called with a sentence when something begins.
    started : float, optional
        When the budget's clock started (`time.monotonic()`); None starts it now.

    Returns
    -------
    ProbePlan

    Raises
    ------
    InputError
        If the request cannot be probed, or the budget ends before there is a plan.
    """
    from advisor.estimates import Estimates
    from advisor.ladder import planner_of
    from probes.hardware import inspect_hardware

    started = time.monotonic() if started is None else started
    parallel = (parallel or Parallel()).checked()
    listen(Said("reading rows"))
    models, data, deadline = read(request, started)
    listen(Said("profiling rows, applying rules"))
    hardware = inspect_hardware()
    entries = enter(request, models, hardware, deadline)
    rows, metric = rows_to_learn_from(request, data), metric_of(request)
    count, share = parallel.share(hardware, len(entries.racing))
    benches = Benches(Setting(data, share, metric, caches.cache_folder() / "features"), deadline)
    estimates = Estimates(benches, Choices(None, share), rows)
    listen(Said("measuring speeds"))
    reasons = {**entries.blocked, **entries.unprobed}
    racing = []
    for rung in entries.racing:
        try:
            if rung.model is not None and not estimates.measured(rung.model):
                estimates.measure(rung.model)
            racing.append(rung)
        except (MeasurementFailed, OutOfTime) as error:
            reasons[rung.candidate] = str(error)
        except InputError:
            raise
        except Exception as error:  # as in a probe, a library that cannot do a model costs its candidates alone
            reasons[rung.candidate] = str(unexpected(0, error).error)
    planner = planner_of(racing, data, rows, request.seeds, estimates, count or 1)
    left = deadline.remaining
    fitting = foresee(planner, left)
    seconds = sum(step.seconds for step in fitting) / planner.workers
    drawing = foresee_curves(planner, left - seconds)
    others = beyond(planner)
    return ProbePlan(
        train_rows=rows,
        budget_seconds=request.budget_seconds,
        steps=(
            *(_planned(step, fits=True) for step in (*fitting, *drawing)),
            *(_planned(step, fits=False) for step in others),
        ),
        left_out=tuple(
            LeftOut(strategy=c.strategy, model=c.model, because=reasons[c]) for c in entries.candidates if c in reasons
        ),
        workers=planner.workers,
        seconds=seconds + sum(step.seconds for step in drawing),
        seconds_beyond=sum(step.seconds for step in others) / planner.workers,
        seconds_before=time.monotonic() - started,
    )


def _planned(step: Step, *, fits: bool) -> PlannedStep:
    candidate = step.arm.rung.candidate
    return PlannedStep(
        strategy=candidate.strategy,
        model=candidate.model,
        train_rows=step.rows,
        seed=step.seed,
        search_rows=0 if step.search == "none" else step.search_rows,
        seconds=step.seconds,
        fits=fits,
        curve=step.stage == CURVE,
    )
