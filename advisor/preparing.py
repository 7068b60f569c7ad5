"""What comes before the first measurement: reading rows and models, and finding who takes part."""

from __future__ import annotations

import contextlib
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from typing import cast

from advisor.advice import Advice
from advisor.advising import advised, facts_for, read_models
from advisor.arms import Rung
from advisor.facts import Facts
from advisor.request import Request
from probes.data import TaskData, load_task
from probes.deadline import Deadline
from probes.errors import OutOfTime, SettingError
from probes.hardware import Hardware
from probes.measurement import Metric
from probes.model import ModelFacts
from probes.profile import Profile
from strategies import STRATEGIES, Candidate

RESERVE = 2.0
"""Seconds of the budget kept for verdicts and files, besides two hundredths of it."""


def read(request: Request, started: float) -> tuple[list[ModelFacts], TaskData, Deadline]:
    """Read the models and the rows of a request that can be probed.

    Parameters
    ----------
    request : Request
    started : float
        When the budget's clock started (`time.monotonic()`).

    Returns
    -------
    models : list of ModelFacts
    data : TaskData
    deadline : Deadline
        When measuring ends: the budget less what is kept for the verdicts.

    Raises
    ------
    SettingError
        If the task cannot be probed, or the budget ended meanwhile.
    """
    if request.brief.task != "text-classification":
        raise SettingError(
            f"the brief's task is {request.brief.task}, and only text-classification can be probed so far",
            "`advisor recommend --brief` advises on it from what is known, without measuring.",
        )
    budget = request.budget_seconds
    spent = time.monotonic() - started
    keep = RESERVE + 0.02 * (budget or 0.0)
    deadline = Deadline(None if budget is None else max(0.0, budget - keep - spent))
    with _before(deadline, request, "the rows and the models were read"):
        models = read_models(request)
        data = load_task(request.data.source, **request.data.model_dump(exclude={"source"}))
    if request.train_rows is not None and request.train_rows < len(data.classes):
        raise SettingError(
            f"--train-rows {request.train_rows} cannot hold one row of each of the {len(data.classes):,} classes",
            f"Give {len(data.classes):,} at least, and many more for a score that means something.",
        )
    return models, data, deadline


def metric_of(request: Request) -> Metric:
    """Return what scores are: those of text classification are computed, and `read` refuses other tasks."""
    return cast("Metric", request.brief.scored_by)


def rows_to_learn_from(request: Request, data: TaskData) -> int:
    """Return the training rows that verdicts are about."""
    return min(len(data.train), request.train_rows or len(data.train))


@dataclass(frozen=True)
class Entries:
    """Who takes part, and what was known before."""

    found: list[tuple[Facts, Profile | None]]
    """One entry a model."""
    advice: list[Advice]
    candidates: list[Candidate]
    """All that were asked for, lightest first: by strategy, then by the size of the model."""
    racing: list[Rung]
    """Those to measure, in the same order."""
    blocked: dict[Candidate, str]
    """Facts that rule the others out."""
    unprobed: dict[Candidate, str]
    """Why this version cannot measure them."""


def enter(request: Request, models: list[ModelFacts], hardware: Hardware, deadline: Deadline) -> Entries:
    """Profile the rows, apply the rules, and return who takes part.

    Parameters
    ----------
    request : Request
    models : list of ModelFacts
    hardware : Hardware
    deadline : Deadline

    Raises
    ------
    SettingError
        If the budget ended meanwhile.
    """
    with _before(deadline, request, "the rows were profiled"):
        found = facts_for(request, progress=lambda _: deadline.check(), hardware=hardware)
        advice = [advised(facts, request.strategies) for facts, _ in found]
    lightest = sorted(models, key=lambda model: model.parameters or math.inf)
    rungs, blocked, unprobed = [], {}, {}
    for strategy in (s for s in STRATEGIES if s.name in request.strategies):
        with_models: list[ModelFacts | None] = [*lightest] if strategy.needs_model else []
        for model in with_models or [None]:
            rung = Rung(strategy, model)
            rungs.append(rung)
            reason = strategy.inapplicable(model) or _blocked(advice, rung.candidate)
            if reason is not None:
                blocked[rung.candidate] = reason
            elif strategy.not_probed is not None:  # takes no share of the budget
                unprobed[rung.candidate] = strategy.not_probed
    return Entries(
        found=found,
        advice=advice,
        candidates=[rung.candidate for rung in rungs],
        racing=[rung for rung in rungs if rung.candidate not in blocked and rung.candidate not in unprobed],
        blocked=blocked,
        unprobed=unprobed,
    )


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


def _blocked(advised: list[Advice], candidate: Candidate) -> str | None:
    """Return the fact by which a rule rules the candidate out, None if none does."""
    for advice in advised:
        if advice.model == candidate.model or candidate.model is None:
            for entry in advice.advice:
                if entry.strategy == candidate.strategy and entry.blocked:
                    return " ".join(r.because for r in entry.reasons if r.effect == "block")
    return None
