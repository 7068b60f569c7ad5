"""Training configs of a finished run: of what it recommends, or of another candidate that it measured."""

from __future__ import annotations

import time

from advisor.config import TrainingConfig, config_for, load_config, to_yaml
from advisor.decide import described
from advisor.preparing import metric_of, read
from advisor.run import Run
from advisor.session import ProbeResult, check_rows, request_of, result_of
from probes.errors import SettingError
from strategies import Candidate, Verdict


def config_of_recommended(run: Run) -> tuple[TrainingConfig, str]:
    """Return the training config of what a run recommends, and its text.

    Raises
    ------
    SettingError
        If the run has not ended, or recommends nothing.
    """
    file = run.folder / "config.yaml"
    if not file.is_file():
        result_of(run)  # says so if the run has not ended
        raise SettingError(
            f"the run in {run.folder} recommends nothing: all that was measured is refuted or far behind",
            "Run `advisor probe` with a longer --budget or more strategies, or name a candidate with --strategy.",
        )
    return load_config(file), file.read_text(encoding="utf-8")


def config_of_measured(run: Run, strategy: str, model: str | None = None) -> tuple[TrainingConfig, str]:
    """Return the training config of any candidate that a run measured, and its text.

    Parameters
    ----------
    run : Run
    strategy : str
    model : str, optional
        Its name, which may be left out where the strategy was measured on one model.

    Raises
    ------
    SettingError
        If the run has not ended, measured no such candidate or several, or its rows are other ones by now.
    """
    result = result_of(run)
    verdict = _chosen(run, result, strategy, model)
    request = request_of(run)
    # Its budget is over: reading takes what it takes.
    models, data, _ = read(request.model_copy(update={"budget_seconds": None}), time.monotonic())
    check_rows(run, request, data)
    best = result.recommendation
    instead = "the run recommends nothing" if best is None else f"the run recommends {best.candidate}"
    because = f"Asked for by name; {instead}. {verdict.because[:1].upper()}{verdict.because[1:]}"
    choice = described(verdict, because, result.verdicts, result.measurements, metric_of(request))
    config = config_for(request, data, choice, next((m for m in models if m.name == verdict.model), None))
    return config, to_yaml(config, choice)


def _chosen(run: Run, result: ProbeResult, strategy: str, model: str | None) -> Verdict:
    """Return the verdict on the one measured candidate that is meant."""
    measured = [v for v in result.verdicts if v.score is not None]
    meant = [v for v in measured if v.strategy == strategy and model in (None, v.model)]
    if len(meant) == 1:
        return meant[0]
    asked = Candidate(strategy=strategy, model=model)
    names = ", ".join(str(Candidate(strategy=v.strategy, model=v.model)) for v in meant or measured) or "none"
    if meant:
        raise SettingError(f"{strategy} was measured on several models: {names}", "Name one of them with --model.")
    raise SettingError(
        f"the run in {run.folder} has not measured {asked}", f"Measured are: {names}. `advisor report` shows them."
    )
