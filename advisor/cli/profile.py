"""`advisor profile`: what the rows say without a model."""

from __future__ import annotations

from typing import Annotated

import typer

from advisor.cli import options as o
from advisor.cli.output import counting, print_json, show


def profile(
    rows: o.Rows,
    model: Annotated[
        str, typer.Option("--model", help="Whose tokenizer counts tokens; `none` counts none.", metavar="MODEL")
    ] = "minilm",
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
    """Say what is in the rows: classes, lengths, duplicates, leaks between splits, conflicting labels, language.

    Reads the rows in a stream and needs no GPU; a million rows stay under 2 GiB of memory.
    """
    from advisor.request import DataRequest
    from advisor.session import profile as profile_of
    from probes.model import tokenizer_model

    data = DataRequest(
        source=rows,
        text_column=text_column,
        text_pair_column=text_pair_column,
        label_column=label_column,
        split_column=split_column,
        skip_bad_rows=skip_bad_rows,
        drop_rare_classes=drop_rare_classes,
    )
    counted = tokenizer_model(model, revision=revision, trust_remote_code=trust_remote_code)
    with counting("reading", quiet=json) as progress:
        found = profile_of(data, counted, progress)
    if json:
        print_json(found)
    else:
        from advisor.report.terminal import profile_page

        show(profile_page(found))
    return 0
