"""The one path through all of it: request → profile → advice → probes → verdicts → recommendation → config."""

from __future__ import annotations

import time
from collections.abc import Container
from pathlib import Path
from typing import Any

from advisor import caches
from advisor.advice import Advice
from advisor.advising import AdviceRequest, advice_for, facts_for, profile
from advisor.choices import Choices
from advisor.config import config_for, to_yaml
from advisor.curves import CandidateCurve, curves_of
from advisor.decide import Recommendation, recommend
from advisor.events import Listener, Said, each, nobody
from advisor.facts import Facts
from advisor.judging import at_most_rows, judge
from advisor.preparing import enter, metric_of, read, rows_to_learn_from
from advisor.request import Request
from advisor.run import Run, default_folder
from advisor.run_log import RunLog
from probes.base import Frozen
from probes.data import TaskData
from probes.deadline import Deadline
from probes.errors import SettingError
from probes.measurement import Measurement
from probes.model import ModelFacts
from probes.parallel import Parallel
from probes.profile import Profile
from strategies import STRATEGIES, Candidate, Outcome, Verdict
from strategies.settling import settle_dropped


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
    curves: tuple[CandidateCurve, ...] = ()
    """Scores over train size of each candidate that was measured, and what more rows are expected to bring."""


def probe(
    request: Request,
    *,
    run_folder: Path | None = None,
    resume: bool = False,
    parallel: Parallel | None = None,
    listen: Listener = nobody,
    started: float | None = None,
) -> ProbeResult:
    """Measure the candidates on the user's own rows and recommend one.

    Parameters
    ----------
    request : Request
    run_folder : Path, optional
        Where everything is kept; None makes a folder below `advisor-runs/`.
    resume : bool
        Go on with the run in that folder; no finished measurement is repeated. The budget is a new one, and the seeds
        may be others; none are those of the run.
    parallel : Parallel, optional
        How many measurements may run at once, and where; None runs one at a time in this process. Spawned processes
        import the main module anew: a script of yours guards its own work with `if __name__ == "__main__":`.
    listen : callable
        Called with each event.
    started : float, optional
        When the budget's clock started (`time.monotonic()`); None starts it now.

    Returns
    -------
    ProbeResult
    """
    started = time.monotonic() if started is None else started
    parallel = (parallel or Parallel()).checked()
    listen(Said("reading rows"))
    models, data, deadline = read(request, started)
    run = _open(request, data, run_folder, resume)
    listen(Said(f"keeping the run in {run.folder}"))
    lock = run.lock()
    try:
        request = _with_seeds(request, run) if resume else request
        with RunLog(run.folder, resumed=resume) as log:
            return _probe(request, run, data, models, deadline, started, parallel, each(log, listen))
    finally:
        lock.release()


def _open(request: Request, data: TaskData, folder: Path | None, resume: bool) -> Run:
    """Make the run folder, or open it to go on if it was asked the same."""
    asked: dict[str, Any] = {
        "request": request.model_dump(mode="json", exclude={"budget_seconds"}),
        "fingerprint": data.fingerprint,
    }
    if not resume:
        run = Run.create(folder or default_folder(request.data.source))
        run.begin(asked)
        return run
    if folder is None:
        raise SettingError("--resume without --run", "Name the run folder to go on with: --resume --run DIR.")
    run = Run.open(folder)
    started_with = request_of(run).model_dump(mode="json") | {"seeds": request.seeds}
    check_rows(run, request, data)
    changed = [k for k, v in asked["request"].items() if started_with[k] != v]
    if changed:
        raise SettingError(
            f"the run in {folder} was asked otherwise: {', '.join(changed)} differ",
            "Repeat the flags of the first call (budget and seeds may change), or start a new run.",
        )
    return run


def check_rows(run: Run, request: Request, data: TaskData) -> None:
    """Refuse rows that are not those a run measured."""
    if run.read("request.json").get("fingerprint") != data.fingerprint:
        raise SettingError(
            f"the rows of {request.data.source} are not those the run in {run.folder} measured",
            "Restore the file, or start a new run.",
        )


def _with_seeds(request: Request, run: Run) -> Request:
    """Return the request with the run's seeds where it names none; those that it names become the run's.

    What was measured counts, also where that is more of a candidate than it names: others may have fewer.
    """
    seeds = request_of(run).seeds
    if request.seeds is None:
        return request.model_copy(update={"seeds": seeds})
    if request.seeds != seeds:
        asked = run.read("request.json")
        run.write("request.json", {**asked, "request": {**asked["request"], "seeds": request.seeds}})
    return request


def request_of(run: Run) -> Request:
    """Return the request a run was started with, with the seeds last asked for; the budget is not part of it."""
    asked = run.read("request.json")
    return run.parse(Request, asked.get("request") if isinstance(asked, dict) else None, "request.json")


def _probe(
    request: Request,
    run: Run,
    data: TaskData,
    models: list[ModelFacts],
    deadline: Deadline,
    started: float,
    parallel: Parallel,
    listen: Listener,
) -> ProbeResult:
    from advisor.estimates import Estimates
    from advisor.ladder import Ladder
    from probes.benches import Benches, Setting
    from probes.hardware import inspect_hardware
    from probes.parallel import open_executor

    metric = metric_of(request)
    listen(Said("profiling rows, applying rules"))
    hardware = inspect_hardware()
    run.write("brief.json", request.brief)
    entries = enter(request, models, hardware, deadline)
    run.write("facts.json", [facts.model_dump(mode="json") for facts, _ in entries.found])
    run.write("advice.json", [one.model_dump(mode="json") for one in entries.advice])
    rows = rows_to_learn_from(request, data)
    tolerance = request.brief.tolerance / 100
    count, share = parallel.share(hardware, len(entries.racing))
    setting = Setting(data, share, metric, caches.cache_folder() / "features")
    benches = Benches(setting, deadline)
    executor = open_executor(parallel, count, setting, deadline, benches.of, run.folder / "workers.log")
    try:
        ladder = Ladder(
            rungs=entries.racing,
            data=data,
            metric=metric,
            deadline=deadline,
            run=run,
            estimates=Estimates(benches, Choices(run, share), rows),
            executor=executor,
            train_rows=rows,
            seeds=request.seeds,
            tolerance=tolerance,
            listen=listen,
        )
        listen(Said("probing"))
        measurements = ladder.climb()
    finally:
        executor.close()
    listen(Said("comparing"))
    verdicts = judge(
        {s.name: s for s in STRATEGIES},
        entries.candidates,
        measurements,
        data,
        blocked=entries.blocked,
        failures={**entries.unprobed, **ladder.failures},
        unreached=ladder.unreached,
        metric=metric,
        tolerance=tolerance,
        target=request.brief.target,
        rows=rows,
        dropped=ladder.dropped,
    )
    verdicts = [_with_drop(verdict, ladder.dropped, ladder.seeded, measurements, rows) for verdict in verdicts]
    run.write("verdicts.json", [v.model_dump(mode="json") for v in verdicts])
    choice = recommend(verdicts, measurements, tolerance, metric, ladder.dropped)
    if choice is None:  # what an earlier part of the run recommended holds no more
        run.remove("recommendation.json", "config.yaml")
    else:
        run.write("recommendation.json", choice)
        model_facts = next((m for m in models if m.name == choice.model), None)
        config = config_for(request, data, choice, model_facts)
        run.write_text("config.yaml", to_yaml(config, choice))
    result = ProbeResult(
        recommendation=choice,
        verdicts=tuple(verdicts),
        measurements=tuple(measurements),
        advice=tuple(entries.advice),
        profile=_first_profile(entries.found),
        run=str(run.folder),
        seconds=time.monotonic() - started,
        notes=(data.split_origin, *data.notes, *ladder.notes, *_fell_short(measurements), *_cut(entries.found)),
        curves=curves_of(measurements, rows, data.test.labels, metric),
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


def _fell_short(measurements: list[Measurement]) -> list[str]:
    """Say once what the machine had too little of for which candidate."""
    said = {
        f"{Candidate(strategy=m.strategy, model=m.model)}: {note}.": None for m in measurements for note in m.fell_short
    }
    return list(said)


def _with_drop(
    verdict: Verdict,
    dropped: dict[Candidate, str],
    seeded: Container[Candidate],
    measurements: list[Measurement],
    rows: int,
) -> Verdict:
    """Return a verdict that says why its candidate got no more rows or seeds, if it was dropped.

    Nor is it one that had no fair chance: only who converged, after a search, is dropped, and more rows would not have
    brought it to the front.
    """
    name = Candidate(strategy=verdict.strategy, model=verdict.model)
    if name not in dropped:
        return verdict
    settle = verdict.settle
    if verdict.verdict is Outcome.UNDECIDED and (not verdict.fair or name in seeded):
        settle = settle_dropped(at_most_rows(measurements, name), rows, fair=verdict.fair)
    return verdict.model_copy(
        update={"because": f"{verdict.because} It was dropped: {dropped[name]}.", "settle": settle, "fair": True}
    )


def result_of(run: Run) -> ProbeResult:
    """Return the result that a finished run holds."""
    return run.parse(ProbeResult, run.read("result.json"), "result.json")


__all__ = [
    "AdviceRequest",
    "ProbeResult",
    "advice_for",
    "check_rows",
    "facts_for",
    "probe",
    "profile",
    "request_of",
    "result_of",
]
