"""`advisor recommend`: advice from facts alone, every reason with its source."""

from __future__ import annotations

from typing import Annotated

import typer

from advisor.cli import options as o
from advisor.cli.output import counting, print_json, show


def recommend(
    data: Annotated[str | None, typer.Option("--data", help=o.ROWS, metavar="ROWS", show_default=False)] = None,
    model: o.Models = None,
    brief: o.BriefFile = None,
    setting: o.Settings = None,
    strategies: Annotated[
        str | None,
        typer.Option("--strategies", help="Comma-separated names to rank.", metavar="NAMES", show_default="all"),
    ] = None,
    text_column: o.TextColumn = None,
    text_pair_column: o.PairColumn = None,
    label_column: o.LabelColumn = None,
    split_column: o.SplitColumn = None,
    skip_bad_rows: o.SkipBad = False,
    drop_rare_classes: o.DropRare = False,
    revision: o.Revision = None,
    trust_remote_code: o.TrustCode = False,
    every: Annotated[bool, typer.Option("--all", help="Show every strategy, not the best alone.")] = False,
    json: o.Json = False,
) -> int:
    """Rank the strategies by rules, before anything is measured.

    Rows and model are read where they are given; a brief and --set say the rest, or all of it. Log-odds of all rules
    add up and blocks are absolute. It is a prior: `advisor probe` measures.
    """
    from advisor.advice import AdviceDocument
    from advisor.advising import AdviceRequest, advice_for
    from advisor.brief import Brief
    from advisor.brief_file import load_brief
    from advisor.request import DataRequest, parse_strategies
    from advisor.rules.start import PRIOR
    from advisor.settings import settings_from
    from probes.errors import SettingError

    columns = {
        "text_column": text_column,
        "text_pair_column": text_pair_column,
        "label_column": label_column,
        "split_column": split_column,
        "skip_bad_rows": skip_bad_rows or None,
        "drop_rare_classes": drop_rare_classes or None,
    }
    given = {name: value for name, value in columns.items() if value is not None}
    if data is None and given:
        flags = ", ".join("--" + name.replace("_", "-") for name in given)
        raise SettingError(f"{flags} without rows", "Name the rows: --data ROWS.")
    request = AdviceRequest(
        data=None if data is None else DataRequest(source=data, **given),
        models=tuple(model or ()),
        revision=revision,
        trust_remote_code=trust_remote_code,
        brief=load_brief(brief) if brief else Brief(),
        strategies=tuple(PRIOR) if strategies is None else parse_strategies(strategies),
        changes=settings_from(setting or ()),
    )
    with counting("reading", quiet=json) as progress:
        advised = [advice for _, advice in advice_for(request, progress)]
    if json:
        print_json(AdviceDocument.of(advised))
    else:
        from advisor.report.terminal import advice_page

        show(*(advice_page(advice, everything=every) for advice in advised))
    return 0
