"""`advisor demo`: the main job on the bundled example."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from advisor.cli import options as o
from advisor.cli.output import print_json, show


def demo(
    context: typer.Context,
    run: Annotated[
        Path | None, typer.Option("--run", help="Run folder.", metavar="DIR", show_default="below advisor-runs/")
    ] = None,
    budget: Annotated[str, typer.Option("--budget", help="Wall-clock promise: 150s, 10m, or `none`.")] = "165s",
    quiet: o.Quiet = False,
    json: o.Json = False,
) -> int:
    """Run the main job on about 800 help-desk messages, with an encoder and a small language model that come along."""
    from advisor.advising import advised, facts_for
    from advisor.brief import Brief
    from advisor.cli.probe import exit_code
    from advisor.demo import ROWS
    from advisor.report.live import Shown
    from advisor.request import DataRequest, Request, parse_budget
    from advisor.session import probe as probe_rows
    from probes.files import user_path

    run = None if run is None else user_path(run)
    request = Request(
        data=DataRequest(source=str(ROWS)),
        models=("minilm", "demo-lm"),
        brief=Brief(task="text-classification"),
        budget_seconds=parse_budget(budget),
    )
    if not json:
        from advisor.report.terminal import advice_page, profile_page

        for facts, profile in facts_for(request):
            if profile is not None:
                show(profile_page(profile))
            show(advice_page(advised(facts, request.strategies)))
    with Shown(quiet=quiet) as shown:
        result = probe_rows(request, run_folder=run, listen=shown, started=context.obj)
    if json:
        print_json(result)
    else:
        from advisor.emitting import config_of_recommended
        from advisor.report.terminal import result_page
        from advisor.run import Run

        show(result_page(result))
        if result.recommendation is not None:
            show(config_of_recommended(Run.open(Path(result.run)))[1])
    return exit_code(result)
