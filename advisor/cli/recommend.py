"""`advisor recommend`: advice from facts alone, every reason with its source."""

from __future__ import annotations

from typing import Annotated

import typer

from advisor.cli import options as o
from advisor.cli.output import counting, print_json, show


def recommend(
    data: Annotated[str, typer.Option("--data", help=o.ROWS, metavar="ROWS", show_default=False)],
    model: o.Models = None,
    brief: o.BriefFile = None,
    strategies: o.StrategyNames = None,
    text_column: o.TextColumn = None,
    text_pair_column: o.PairColumn = None,
    label_column: o.LabelColumn = None,
    split_column: o.SplitColumn = None,
    skip_bad_rows: o.SkipBad = False,
    drop_rare_classes: o.DropRare = False,
    revision: o.Revision = None,
    trust_remote_code: o.TrustCode = False,
    json: o.Json = False,
) -> int:
    """Rank the strategies by rules, before anything is measured.

    Log-odds of all rules add up and blocks are absolute. It is a prior: `advisor probe` measures.
    """
    from advisor.brief import Brief, load_brief
    from advisor.engine import AdviceDocument
    from advisor.request import DataRequest, Request, parse_strategies
    from advisor.session import advice_for

    request = Request(
        data=DataRequest(
            source=data,
            text_column=text_column,
            text_pair_column=text_pair_column,
            label_column=label_column,
            split_column=split_column,
            skip_bad_rows=skip_bad_rows,
            drop_rare_classes=drop_rare_classes,
        ),
        models=tuple(model or ()),
        revision=revision,
        trust_remote_code=trust_remote_code,
        brief=load_brief(brief) if brief else Brief(),
        strategies=parse_strategies(strategies),
    )
    with counting("reading", quiet=json) as progress:
        advised = [advice for _, advice in advice_for(request, progress)]
    if json:
        print_json(AdviceDocument.of(advised))
    else:
        from advisor.report.terminal import advice_page

        show(*(advice_page(advice) for advice in advised))
    return 0
