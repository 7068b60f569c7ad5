"""The one path through all of it: request → profile → advice → probes → verdicts → recommendation → config."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

from advisor import caches
from advisor.advice import Advice
from advisor.advising import AdviceRequest, advice_for, advised, facts_for, profile, read_models
from advisor.choices import Choices
from advisor.config import TrainingConfig, config_for, to_yaml
from advisor.decide import Recommendation, judge, recommend
from advisor.facts import Facts
from advisor.request import Request
from advisor.run import Run, default_folder
from probes.base import Frozen
from probes.data import TaskData, load_task
from probes.deadline import Deadline
from probes.errors import OutOfTime, SettingError
from probes.features import FeatureCache, Progress, no_progress
from probes.files import write_text
from probes.measurement import Measurement, Metric
from probes.model import ModelFacts
from probes.profile import Profile
from strategies import STRATEGIES, Candidate, Verdict

RESERVE = 2.0
"""Seconds of the budget kept for verdicts and files, besides two hundredths of it."""


class ProbeResult(Frozen):
    """Everything a probe found; the run folder holds the same."""

    recommendation: Recommendation | None
    verdicts: tuple[Verdict, ...]
    measurements: tuple[Measurement, ...]
    advice: tuple[Advice, ...]
    profile: Profile
    run: str
    """The run folder."""
    seconds: float
    notes: tuple[str, ...] = ()


def probe(
    request: Request,
    *,
    run_folder: Path | None = None,
    resume: bool = False,
    progress: Callable[[Candidate], Progress] = lambda _: no_progress,
    say: Callable[[str], None] = lambda _: None,
    started: float | None = None,
) -> ProbeResult:
    """Measure the candidates on the user's own rows and recommend one.

    Parameters
    ----------
    request : Request
    run_folder : Path, optional
        Where everything is kept; None makes a folder below `advisor-runs/`.
    resume : bool
        Go on with the run in that folder; no finished measurement is repeated.
    progress : callable
        From a candidate to what is called with the progress of its measurement.
    say : callable
        Called with a sentence when something begins.
    started : float, optional
        When the budget's clock started (`time.monotonic()`); None starts it now.

    Returns
    -------
    ProbeResult
    """
    started = time.monotonic() if started is None else started
    if request.brief.task != "text-classification":
        raise SettingError(
            f"the brief's task is {request.brief.task}, and only text-classification can be probed so far",
            "`advisor recommend --brief` advises on it from what is known, without measuring.",
        )
    budget = request.budget_seconds
    spent = time.monotonic() - started
    keep = RESERVE + 0.02 * (budget or 0.0)
    deadline = Deadline(None if budget is None else max(0.0, budget - keep - spent))
    say("reading rows")
    with _before(deadline, request, "the rows and the models were read"):
        models = read_models(request)
        data = load_task(request.data.source, **request.data.model_dump(exclude={"source"}))
    if request.train_rows is not None and request.train_rows < len(data.classes):
        raise SettingError(
            f"--train-rows {request.train_rows} cannot hold one row of each of the {len(data.classes):,} classes",
            f"Give {len(data.classes):,} at least, and many more for a score that means something.",
        )
    run = _open(request, data, run_folder, resume)
    say(f"keeping the run in {run.folder}")
    lock = run.lock()
    try:
        return _probe(request, run, data, models, deadline, started, progress, say)
    finally:
        lock.release()


@contextlib.contextmanager
def _before(deadline: Deadline, request: Request, done: str) -> Iterator[None]:
    """Hold the body to the budget: what comes before the first measurement has no outcome to report without it."""
    try:
        with deadline.enforced():
            yield
    except OutOfTime as error:
        raise SettingError(
            f"--budget {request.budget_seconds:g}s ended before {done}, so nothing was measured",
            f"Give more time ({RESERVE:g} s and 2 % of it are kept for the verdicts), or fewer rows.",
        ) from error


def _open(request: Request, data: TaskData, folder: Path | None, resume: bool) -> Run:
    """Make the run folder, or open it to go on if it was asked the same."""
    asked: dict[str, Any] = {
        "request": request.model_dump(mode="json", exclude={"budget_seconds"}),
        "fingerprint": data.fingerprint,
    }
    if not resume:
        run = Run.create(folder or default_folder(request.data.source))
        run.write("request.json", asked)
        return run
    if folder is None:
        raise SettingError("--resume without --run", "Name the run folder to go on with: --resume --run DIR.")
    run = Run.open(folder)
    before = run.read("request.json")
    started_with = request_of(run).model_dump(mode="json")
    if before.get("fingerprint") != data.fingerprint:
        raise SettingError(
            f"the rows of {request.data.source} are not those the run in {folder} measured",
            "Restore the file, or start a new run.",
        )
    changed = [k for k, v in asked["request"].items() if started_with[k] != v]
    if changed:
        raise SettingError(
            f"the run in {folder} was asked otherwise: {', '.join(changed)} differ",
            "Repeat the flags of the first call (the budget may change), or start a new run.",
        )
    return run


def request_of(run: Run) -> Request:
    """Return the request a run was started with; the budget is not part of it."""
    asked = run.read("request.json")
    return run.parse(Request, asked.get("request") if isinstance(asked, dict) else None, "request.json")


def _probe(
    request: Request,
    run: Run,
    data: TaskData,
    models: list[ModelFacts],
    deadline: Deadline,
    started: float,
    progress: Callable[[Candidate], Progress],
    say: Callable[[str], None],
) -> ProbeResult:
    from advisor.ladder import Ladder, Rung
    from probes.hardware import inspect_hardware

    # The metrics of text classification are those that are computed; `probe` refuses other tasks.
    metric = cast("Metric", request.brief.scored_by)
    say("profiling rows, applying rules")
    hardware = inspect_hardware()
    run.write("brief.json", request.brief)
    with _before(deadline, request, "the rows were profiled"):
        found = facts_for(request, progress=lambda _: deadline.check(), hardware=hardware)
        advice = [advised(facts, request.strategies) for facts, _ in found]
    run.write("facts.json", [facts.model_dump(mode="json") for facts, _ in found])
    run.write("advice.json", [one.model_dump(mode="json") for one in advice])
    wanted = [s for s in STRATEGIES if s.name in request.strategies]
    # Candidates are measured, and recommended, lightest first: by strategy, then by the size of the model.
    lightest = sorted(models, key=lambda model: model.parameters or math.inf)
    rungs, blocked, unprobed = [], {}, {}
    for strategy in wanted:
        with_models: list[ModelFacts | None] = [*lightest] if strategy.needs_model else []
        for model in with_models or [None]:
            rung = Rung(strategy, model)
            rungs.append(rung)
            reason = strategy.inapplicable(model) or _blocked(advice, rung.candidate)
            if reason is not None:
                blocked[rung.candidate] = reason
            elif strategy.not_probed is not None:  # takes no share of the budget
                unprobed[rung.candidate] = strategy.not_probed
    rows = min(len(data.train), request.train_rows or len(data.train))
    ladder = Ladder(
        rungs=[rung for rung in rungs if rung.candidate not in blocked and rung.candidate not in unprobed],
        data=data,
        hardware=hardware,
        metric=metric,
        deadline=deadline,
        run=run,
        train_rows=rows,
        seeds=request.seeds,
        progress=progress,
        cache=FeatureCache(caches.cache_folder() / "features"),
        choices=Choices(run, hardware),
    )
    say("probing")
    measurements = ladder.climb()
    say("comparing")
    tolerance = request.brief.tolerance / 100
    verdicts = judge(
        {s.name: s for s in STRATEGIES},
        [rung.candidate for rung in rungs],
        measurements,
        data,
        blocked=blocked,
        failures={**unprobed, **ladder.failures},
        metric=metric,
        tolerance=tolerance,
        target=request.brief.target,
        rows=rows,
    )
    run.write("verdicts.json", [v.model_dump(mode="json") for v in verdicts])
    choice = recommend(verdicts, measurements, tolerance, metric)
    if choice is not None:
        run.write("recommendation.json", choice)
        model_facts = next((m for m in models if m.name == choice.model), None)
        config = config_for(request, data, choice, model_facts)
        write_text(run.folder / "config.yaml", to_yaml(config, choice))
    result = ProbeResult(
        recommendation=choice,
        verdicts=tuple(verdicts),
        measurements=tuple(measurements),
        advice=tuple(advice),
        profile=_first_profile(found),
        run=str(run.folder),
        seconds=time.monotonic() - started,
        notes=(data.split_origin, *data.notes, *ladder.notes, *_cut(found)),
    )
    run.write("result.json", result)
    return result


def _first_profile(found: list[tuple[Facts, Profile | None]]) -> Profile:
    """Return the profile of the rows, which every probe has."""
    return next(profile for _, profile in found if profile is not None)


def _cut(found: list[tuple[Facts, Profile | None]]) -> list[str]:
    """Say for each model how many rows it could not read whole."""
    return [
        f"{profile.truncated:,} rows are longer than the {facts.context:,} tokens that {facts.model} reads: "
        "their end was cut off."
        for facts, profile in found
        if profile is not None and profile.truncated and facts.model is not None
    ]


def _blocked(advised: list[Advice], candidate: Candidate) -> str | None:
    """Return the fact by which a rule rules the candidate out, None if none does."""
    for advice in advised:
        if advice.model == candidate.model or candidate.model is None:
            for entry in advice.advice:
                if entry.strategy == candidate.strategy and entry.blocked:
                    return " ".join(r.because for r in entry.reasons if r.effect == "block")
    return None


def result_of(run: Run) -> ProbeResult:
    """Return the result that a finished run holds."""
    return run.parse(ProbeResult, run.read("result.json"), "result.json")


def config_of(run: Run) -> str:
    """Return the text of the recommended training config of a run."""
    file = run.folder / "config.yaml"
    if not file.is_file():
        run.read("result.json")  # says so if the run has not ended
        raise SettingError(
            f"the run in {run.folder} recommends nothing: all that was measured is refuted or far behind",
            "Run `advisor probe` with a longer --budget or more strategies.",
        )
    return file.read_text(encoding="utf-8")


__all__ = [
    "AdviceRequest",
    "ProbeResult",
    "TrainingConfig",
    "advice_for",
    "config_of",
    "facts_for",
    "probe",
    "profile",
    "request_of",
    "result_of",
]
