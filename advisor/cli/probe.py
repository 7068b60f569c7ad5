"""`advisor probe`: measure the strategies on the user's own rows, within a budget."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import Annotated, Any

import typer

from advisor.cli import options as o
from advisor.cli.output import CONFIRMED, UNDECIDED, print_json, show


def probe(
    context: typer.Context,
    rows: Annotated[
        str | None,
        typer.Argument(help=o.ROWS + " With --resume it may be left out.", metavar="ROWS", show_default=False),
    ] = None,
    model: o.Models = None,
    budget: Annotated[str, typer.Option("--budget", help="Wall-clock promise: 90s, 10m, 1h30m, or `none`.")] = "10m",
    strategies: o.StrategyNames = None,
    brief: o.BriefFile = None,
    run: Annotated[
        Path | None, typer.Option("--run", help="Run folder.", metavar="DIR", show_default="below advisor-runs/")
    ] = None,
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the run in --run, with more seeds or time; repeats nothing.")
    ] = False,
    metric: Annotated[
        str | None, typer.Option("--metric", help="accuracy or macro_f1; unsaid: accuracy.", metavar="NAME")
    ] = None,
    tolerance: Annotated[
        float | None,
        typer.Option("--tolerance", help="Points below the best that are as good.", show_default="1", metavar="POINTS"),
    ] = None,
    target: Annotated[
        float | None, typer.Option("--target", help="Score wanted at least, 0 to 1.", metavar="SCORE")
    ] = None,
    seeds: Annotated[
        int | None,
        typer.Option(
            "--seeds",
            help="Runs of each strategy whose result depends on chance.",
            metavar="N",
            show_default="3, or 5 below 5,000 training rows, as time allows; with --resume the run's",
        ),
    ] = None,
    jobs: Annotated[
        int | None,
        typer.Option(
            "--jobs",
            help="Measurements at once; the cores are shared out among them.",
            metavar="N",
            show_default="one a GPU, one on a CPU",
        ),
    ] = None,
    executor: Annotated[
        str,
        typer.Option(
            "--executor",
            help="Where they run: `local` processes, `ray` on this machine, or the address of a Ray cluster.",
            metavar="local|ray|ray://HOST:PORT",
        ),
    ] = "local",
    train_rows: Annotated[
        int | None, typer.Option("--train-rows", help="Training rows at most.", show_default="all", metavar="N")
    ] = None,
    text_column: o.TextColumn = None,
    text_pair_column: o.PairColumn = None,
    label_column: o.LabelColumn = None,
    split_column: o.SplitColumn = None,
    split_seed: o.SplitSeed = 0,
    skip_bad_rows: o.SkipBad = False,
    drop_rare_classes: o.DropRare = False,
    revision: o.Revision = None,
    trust_remote_code: o.TrustCode = False,
    dry_run: Annotated[
        bool,
        typer.Option("--dry-run", help="Say what would be measured and how long it takes; measures speeds alone."),
    ] = False,
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> int:
    """Measure the strategies on your rows and recommend the lightest that is as good as the best.

    All candidates are scored on the same test rows, which choose nothing. Everything is kept in a run folder; Ctrl-C
    loses nothing that was finished.
    """
    from advisor.request import DataRequest, Request, checked, parse_budget, parse_strategies
    from advisor.run import Run
    from advisor.session import request_of
    from probes.errors import SettingError
    from probes.parallel import Parallel

    request_with = partial(
        checked, Request, lambda field: f"--{field.replace('_', '-')}", "See `advisor probe --help`."
    )
    parallel = Parallel(executor=executor, jobs=jobs).checked()
    if dry_run and (run or resume):
        raise SettingError(
            f"--dry-run with {'--resume' if resume else '--run'}",
            "A plan keeps no run and goes on with none: leave one of them out.",
        )
    if rows is None:
        if not (resume and run):
            raise SettingError("no rows were given", "Name a file of rows, or go on with a run: --resume --run DIR.")
        flags = {
            "--model": model, "--strategies": strategies, "--brief": brief, "--metric": metric,
            "--tolerance": tolerance, "--target": target, "--train-rows": train_rows,
            "--text-column": text_column, "--text-pair-column": text_pair_column, "--label-column": label_column,
            "--split-column": split_column, "--split-seed": split_seed or None, "--revision": revision,
            "--skip-bad-rows": skip_bad_rows or None, "--drop-rare-classes": drop_rare_classes or None,
            "--trust-remote-code": trust_remote_code or None,
        }  # fmt: skip
        if given := [flag for flag, value in flags.items() if value is not None]:
            raise SettingError(
                f"--resume without rows repeats what the run was asked; {', '.join(given)} would be passed over",
                "Leave them out (only --budget and --seeds may change), or start a new run.",
            )
        before = dict(request_of(Run.open(run)))
        request = request_with(**before | {"budget_seconds": parse_budget(budget), "seeds": seeds})
    else:
        request = request_with(
            data=DataRequest(
                source=rows,
                text_column=text_column,
                text_pair_column=text_pair_column,
                label_column=label_column,
                split_column=split_column,
                split_seed=split_seed,
                skip_bad_rows=skip_bad_rows,
                drop_rare_classes=drop_rare_classes,
            ),
            models=tuple(model or ()),
            revision=revision,
            trust_remote_code=trust_remote_code,
            brief=_brief(brief, metric=metric, tolerance=tolerance, target=target),
            strategies=parse_strategies(strategies),
            budget_seconds=parse_budget(budget),
            train_rows=train_rows,
            seeds=seeds,
        )
    if dry_run:
        return _show_plan(request, parallel, quiet, json, context.obj)
    return _run_probe(request, parallel, run, resume, quiet, json, context.obj)


def _show_plan(request: Any, parallel: Any, quiet: bool, json: bool, started: float) -> int:
    """Print the plan of a probe."""
    from advisor.dry_run import plan
    from advisor.report.live import Shown
    from advisor.report.plan_page import plan_page

    with Shown(quiet=quiet) as shown:
        planned = plan(request, parallel=parallel, listen=shown, started=started)
    if json:
        print_json(planned)
    else:
        show(plan_page(planned))
    return 0


def _brief(file: Path | None, **flags: Any) -> Any:
    """Return the brief from its file, with the flags on top."""
    from advisor.brief import Brief
    from advisor.brief_file import load_brief
    from advisor.settings import brief_from

    base = load_brief(file) if file else Brief()
    given = {name: value for name, value in flags.items() if value is not None}
    return brief_from({**base.model_dump(exclude_unset=True), **given}, where="the flags") if given else base


def _run_probe(
    request: Any, parallel: Any, run: Path | None, resume: bool, quiet: bool, json: bool, started: float
) -> int:
    """Run a probe, shown live on stderr, print its result, and return the exit code."""
    from advisor.report.live import Shown
    from advisor.session import probe as probe_rows

    with Shown(quiet=quiet) as shown:
        result = probe_rows(request, run_folder=run, resume=resume, parallel=parallel, listen=shown, started=started)
    if json:
        print_json(result)
    else:
        from advisor.report.terminal import result_page

        show(result_page(result))
    return exit_code(result)


def exit_code(result: Any) -> int:
    """Return 0 for a confirmed recommendation, else 3."""
    choice = result.recommendation
    return CONFIRMED if choice is not None and choice.verdict == "CONFIRMED" else UNDECIDED
