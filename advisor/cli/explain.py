"""`advisor explain`: how each strategy comes to stand where it does."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from advisor.cli import options as o
from advisor.cli.output import print_json, show


def explain(
    place: Annotated[
        Path | None,
        typer.Argument(
            help="A brief's YAML file, or a run folder; without it, --set says what there is.",
            metavar="[BRIEF|RUN]",
            show_default=False,
        ),
    ] = None,
    strategy: Annotated[
        list[str] | None,
        typer.Option("--strategy", help="Only this strategy. Repeat it for several.", metavar="NAME"),
    ] = None,
    model: o.Models = None,
    setting: o.Settings = None,
    json: o.Json = False,
) -> int:
    """Show each strategy's log-odds as a waterfall: the prior, every reason with its source, and the total."""
    from advisor.advising import AdviceRequest, facts_at, facts_for
    from advisor.assumptions import assumed
    from advisor.engine import advise
    from advisor.explain import Explanation
    from advisor.explain import explain as explained
    from advisor.house_rules import load_rules
    from advisor.request import parse_strategies
    from advisor.rules.start import PRIOR
    from advisor.settings import settings_from

    wanted = parse_strategies(",".join(strategy), "--strategy") if strategy else None
    changes = settings_from(setting or ())
    models = tuple(model or ())
    if place is None:
        facts = [one for one, _ in facts_for(AdviceRequest(models=models, changes=changes))]
    else:
        facts = facts_at(place, changes, models)
    rules = load_rules()
    told = Explanation(
        models=tuple(explained(advise(one, tuple(PRIOR), rules), wanted, assumed(one, rules)) for one in facts)
    )
    if json:
        print_json(told)
    else:
        from advisor.report.waterfall import explanation_page

        show(*(explanation_page(one) for one in told.models))
    return 0
