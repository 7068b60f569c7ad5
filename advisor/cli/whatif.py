"""`advisor whatif`: how the ranking moves with one fact."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from advisor.cli import options as o
from advisor.cli.output import counting, print_json, show


def whatif(
    vary: Annotated[
        list[str],
        typer.Option(
            "--vary",
            help="The fact and its values: a range, rows=50:50000, or choices, compute=limited,plenty.",
            metavar="FACT=VALUES",
            show_default=False,
        ),
    ],
    place: Annotated[
        Path | None,
        typer.Argument(
            help="A brief's YAML file, or a run folder; without it, --set and --data say what there is.",
            metavar="[BRIEF|RUN]",
            show_default=False,
        ),
    ] = None,
    setting: o.Settings = None,
    data: Annotated[str | None, typer.Option("--data", help=o.ROWS, metavar="ROWS", show_default=False)] = None,
    model: Annotated[
        str | None, typer.Option("--model", help="Alias, hub id or folder of the model.", metavar="MODEL")
    ] = None,
    points: Annotated[int, typer.Option("--points", help="Values that a range is made of.")] = 25,
    json: o.Json = False,
) -> int:
    """Draw how the ranking of the strategies moves when one fact changes and all others stay.

    Where another strategy takes the first place is found exactly, by bisection. For rows with unusual columns, give
    the folder of a run on them.
    """
    from advisor.advising import AdviceRequest, facts_at, facts_for
    from advisor.assumptions import assumed
    from advisor.brief import Brief
    from advisor.brief_file import load_brief
    from advisor.house_rules import load_rules
    from advisor.request import DataRequest
    from advisor.rules.start import PRIOR
    from advisor.settings import settings_from
    from advisor.whatif import WhatIf, parse_vary, sweep
    from probes.errors import SettingError
    from probes.files import user_path

    if len(vary) > 1:
        raise SettingError(f"--vary is given {len(vary)} times", "Vary one fact; --set gives the others their values.")
    if (named := vary[0].partition("=")[0].strip()) in ("model", "models"):
        raise SettingError(f"--vary cannot vary {named}", "Name models with --model, one a call.")
    fact, values = parse_vary(vary[0], points)
    changes = settings_from(setting or ())
    if fact in changes:
        raise SettingError(f"--vary and --set both name {fact}", "Leave one of them out.")
    place = None if place is None else user_path(place)
    if place is not None and place.is_dir():
        if data is not None or model is not None:
            raise SettingError(
                f"{place} is a run folder, which holds its own rows and models",
                "Leave --data and --model out, or give a brief's file.",
            )
        facts = facts_at(place, changes)[0]
    else:
        request = AdviceRequest(
            brief=load_brief(place) if place else Brief(),
            data=DataRequest(source=data) if data else None,
            models=(model,) if model else (),
            changes=changes,
        )
        with counting("reading", quiet=json) as progress:
            facts = facts_for(request, progress)[0][0]
    rules = load_rules()
    found = sweep(facts, fact, values, tuple(PRIOR), rules, assumed(facts, rules, varied=[fact]))
    if json:
        print_json(found)
    else:
        from advisor.report.sweep import sweep_page

        show(sweep_page(found, matters=WhatIf(facts, tuple(PRIOR), rules).matters([fact])))
    return 0
