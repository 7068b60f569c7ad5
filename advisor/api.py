"""The Python door: the same request as the command line builds, and the same path."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

from advisor.brief import Brief
from advisor.engine import Advice
from advisor.request import DataRequest, Request, parse_duration, parse_strategies
from advisor.session import ProbeResult, advice_for
from advisor.session import probe as probe_request


def _request(
    rows: str | Path,
    models: Sequence[str],
    brief: Brief | None,
    strategies: Sequence[str] | None,
    columns: dict[str, Any],
    **options: Any,
) -> Request:
    return Request(
        data=DataRequest(source=str(rows), **columns),
        models=tuple(models),
        brief=brief or Brief(),
        strategies=parse_strategies(None if strategies is None else ",".join(strategies), "strategies"),
        **options,
    )


def recommend(
    rows: str | Path,
    models: Sequence[str] = (),
    *,
    brief: Brief | None = None,
    strategies: Sequence[str] | None = None,
    **columns: Any,
) -> list[Advice]:
    """Rank the strategies by rules, before anything is measured.

    Parameters
    ----------
    rows : str or Path
        A file of rows, a folder saved by `datasets`, or a hub id.
    models : sequence of str
        Alias, hub id or folder of each model; none leaves the model out of the facts.
    brief : Brief, optional
        What you want and can spend.
    strategies : sequence of str, optional
        Names; None takes all.
    **columns
        Fields of `advisor.request.DataRequest`, such as `text_column`.

    Returns
    -------
    list of Advice
        One a model.

    Raises
    ------
    InputError
        If something given cannot be used; the message says what to do.
    """
    return [advice for _, advice in advice_for(_request(rows, models, brief, strategies, columns))]


def probe(
    rows: str | Path,
    models: Sequence[str] = (),
    *,
    budget: float | str | None = "10m",
    brief: Brief | None = None,
    strategies: Sequence[str] | None = None,
    run: str | Path | None = None,
    resume: bool = False,
    train_rows: int | None = None,
    seeds: int = 1,
    **columns: Any,
) -> ProbeResult:
    """Measure the strategies on the rows and recommend the lightest that is as good as the best.

    Parameters
    ----------
    rows, models, brief, strategies, **columns
        See `recommend`.
    budget : float or str or None
        Wall-clock seconds, or a duration such as `"10m"`; None has no limit.
    run : str or Path, optional
        Run folder; None makes one below `advisor-runs/`.
    resume : bool
        Go on with the run in that folder.
    train_rows : int, optional
        Training rows at most; None takes all.
    seeds : int
        Runs of each strategy whose result depends on chance.

    Returns
    -------
    ProbeResult

    Raises
    ------
    InputError
        If something given cannot be used; the message says what to do.
    """
    seconds = parse_duration(budget, "budget") if isinstance(budget, str) else budget
    request = _request(
        rows, models, brief, strategies, columns, budget_seconds=seconds, train_rows=train_rows, seeds=seeds
    )
    return probe_request(request, run_folder=None if run is None else Path(run), resume=resume)
