"""The Python door: the same request as the command line builds, and the same path."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from advisor.advice import Advice
from advisor.advising import AdviceRequest, advice_for
from advisor.brief import Brief
from advisor.request import DataRequest, Request, checked, parse_budget, parse_strategies
from advisor.session import ProbeResult
from advisor.session import probe as probe_request
from advisor.settings import brief_from, checked_settings
from probes.errors import SettingError
from probes.files import user_path
from probes.parallel import Parallel
from strategies import NAMES

_SEE = "See `help(advisor.probe)` and `help(advisor.recommend)`."


def _parts(
    models: str | Sequence[str],
    brief: Brief | Mapping[str, object] | None,
    strategies: str | Sequence[str] | None,
) -> dict[str, Any]:
    """Return the parts of a request that need no rows; None where it takes its default."""
    if not isinstance(strategies, str | Sequence | None):
        raise SettingError(f"strategies {strategies!r} is no list of names", f"Give some of {', '.join(NAMES)}.")
    names = strategies if strategies is None or isinstance(strategies, str) else ",".join(map(str, strategies))
    parts: dict[str, Any] = {
        "models": (models,) if isinstance(models, str) else models,
        "brief": brief_from(brief) if isinstance(brief, Mapping) else brief or Brief(),
    }
    return parts if names is None else parts | {"strategies": parse_strategies(names, "strategies")}


def _data(rows: str | Path, columns: dict[str, Any]) -> DataRequest:
    if "source" in columns:  # what the rows are called inside; the argument is `rows`
        raise SettingError("there is no argument source", f"Give the rows first. {_SEE}")
    return checked(DataRequest, str, _SEE, source=str(rows), **columns)


def recommend(
    rows: str | Path | None = None,
    models: str | Sequence[str] = (),
    *,
    brief: Brief | Mapping[str, object] | None = None,
    changes: Mapping[str, object] | None = None,
    strategies: str | Sequence[str] | None = None,
    revision: str | None = None,
    trust_remote_code: bool = False,
    **columns: Any,
) -> list[Advice]:
    """Rank the strategies by rules, before anything is measured.

    Parameters
    ----------
    rows : str or Path, optional
        A file of rows, a folder saved by `datasets`, or a hub id; None goes by what the brief says of them.
    models : str or sequence of str
        Alias, hub id or folder of each model; none takes those of the brief.
    brief : Brief or mapping of its settings, optional
        What you want, have and can spend.
    changes : mapping, optional
        Facts to set whatever was measured, such as those of a flip: fact to value.
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
    if rows is None and columns:
        raise SettingError(f"{', '.join(columns)} without rows", f"Give the rows first. {_SEE}")
    request = checked(
        AdviceRequest,
        str,
        _SEE,
        **_parts(models, brief, strategies),
        data=None if rows is None else _data(rows, columns),
        revision=revision,
        trust_remote_code=trust_remote_code,
        changes=checked_settings(changes or {}),
    )
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
    jobs: int | None = None,
    executor: str = "local",
    train_rows: int | None = None,
    seeds: int | None = None,
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
        Go on with the run in that folder; nothing is measured anew. The budget is a new one, and the seeds may be
        others; where none are given they are those of the run.
    jobs : int, optional
        Measurements at once; None makes one a GPU, and one at a time on a CPU. Several run in spawned processes, which
        import the main module anew: a script guards its own work with `if __name__ == "__main__":`.
    executor : str
        `"local"`, `"ray"`, or the address of a Ray cluster.
    train_rows : int, optional
        Training rows at most; None takes all.
    seeds : int, optional
        Runs of each strategy whose result depends on chance; None makes three, or five below 5,000 training rows, as
        far as the budget allows.

    Returns
    -------
    ProbeResult

    Raises
    ------
    InputError
        If something given cannot be used; the message says what to do.
    """
    request = checked(
        Request,
        str,
        _SEE,
        **_parts(models, brief, strategies),
        data=_data(rows, columns),
        budget_seconds=parse_budget(budget, "budget") if isinstance(budget, str) else budget,
        train_rows=train_rows,
        seeds=seeds,
        revision=revision,
        trust_remote_code=trust_remote_code,
    )
    if not isinstance(run, str | Path | None):
        raise SettingError(f"run {run!r} is no folder", f"Give its path. {_SEE}")
    parallel = checked(Parallel, str, _SEE, executor=executor, jobs=jobs)
    folder = None if run is None else user_path(run)
    return probe_request(request, run_folder=folder, resume=resume, parallel=parallel)
