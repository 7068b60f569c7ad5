"""The Python door: the same request as the command line builds, and the same path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from advisor.brief import Brief, brief_from
from advisor.engine import Advice
from advisor.request import DataRequest, Request, checked, parse_budget, parse_strategies
from advisor.session import ProbeResult, advice_for
from advisor.session import probe as probe_request
from probes.errors import SettingError
from probes.files import user_path
from strategies import NAMES

_SEE = "See `help(advisor.probe)` and `help(advisor.recommend)`."


def _request(
    rows: str | Path,
    models: str | Sequence[str],
    brief: Brief | Mapping[str, object] | None,
    strategies: str | Sequence[str] | None,
    columns: dict[str, Any],
    **options: Any,
) -> Request:
    if "source" in columns:  # what the rows are called inside; the argument is `rows`
        raise SettingError("there is no argument source", f"Give the rows first. {_SEE}")
    if not isinstance(strategies, str | Sequence | None):
        raise SettingError(f"strategies {strategies!r} is no list of names", f"Give some of {', '.join(NAMES)}.")
    names = strategies if strategies is None or isinstance(strategies, str) else ",".join(map(str, strategies))
    return checked(
        Request,
        str,
        _SEE,
        data=checked(DataRequest, str, _SEE, source=str(rows), **columns),
        models=(models,) if isinstance(models, str) else models,
        brief=brief_from(brief) if isinstance(brief, Mapping) else brief or Brief(),
        strategies=parse_strategies(names, "strategies"),
        **options,
    )


def recommend(
    rows: str | Path,
    models: str | Sequence[str] = (),
    *,
    brief: Brief | Mapping[str, object] | None = None,
    strategies: str | Sequence[str] | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
    **columns: Any,
) -> list[Advice]:
    """Rank the strategies by rules, before anything is measured.

    Parameters
    ----------
    rows : str or Path
        A file of rows, a folder saved by `datasets`, or a hub id.
    models : str or sequence of str
        Alias, hub id or folder of each model; none leaves the model out of the facts.
    brief : Brief or mapping of its settings, optional
        What you want and can spend.
    strategies : str or sequence of str, optional
        Names; None takes all.
    revision : str, optional
        Branch, tag or commit of the models on the hub.
    trust_remote_code : bool
        Whether Python code from a model's folder may run. Read it first.
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
    request = _request(rows, models, brief, strategies, columns, revision=revision, trust_remote_code=trust_remote_code)
    return [advice for _, advice in advice_for(request)]


def probe(
    rows: str | Path,
    models: str | Sequence[str] = (),
    *,
    budget: float | str | None = "10m",
    brief: Brief | Mapping[str, object] | None = None,
    strategies: str | Sequence[str] | None = None,
    run: str | Path | None = None,
    resume: bool = False,
    train_rows: int | None = None,
    seeds: int = 1,
    revision: str | None = None,
    trust_remote_code: bool = False,
    **columns: Any,
) -> ProbeResult:
    """Measure the strategies on the rows and recommend the lightest that is as good as the best.

    Parameters
    ----------
    rows, models, brief, strategies, revision, trust_remote_code, **columns
        See `recommend`.
    budget : float or str or None
        Wall-clock seconds, or a duration such as `"10m"`; None, or `"none"`, has no limit.
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
    request = _request(
        rows,
        models,
        brief,
        strategies,
        columns,
        budget_seconds=parse_budget(budget, "budget") if isinstance(budget, str) else budget,
        train_rows=train_rows,
        seeds=seeds,
        revision=revision,
        trust_remote_code=trust_remote_code,
    )
    if not isinstance(run, str | Path | None):
        raise SettingError(f"run {run!r} is no folder", f"Give its path. {_SEE}")
    return probe_request(request, run_folder=None if run is None else user_path(run), resume=resume)
