"""Options that several verbs share, each declared once."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

ROWS = "Rows: CSV, TSV, JSON, JSONL or Parquet (also .gz, .xz, .zst), a folder saved by `datasets`, or a hub id."

Rows = Annotated[str, typer.Argument(help=ROWS, metavar="ROWS", show_default=False)]
Models = Annotated[
    list[str] | None,
    typer.Option(
        "--model",
        help="Pretrained model: `minilm`, a hub id (owner/name) or a local folder. Repeat it to compare models.",
        metavar="MODEL",
        show_default=False,
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON document on stdout.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="Show no progress: nothing on stderr but errors.")]
TextColumn = Annotated[
    str | None, typer.Option("--text-column", help="Column with the text.", rich_help_panel="Columns", metavar="NAME")
]
PairColumn = Annotated[
    str | None,
    typer.Option(
        "--text-pair-column", help="Column with the second text of a pair.", rich_help_panel="Columns", metavar="NAME"
    ),
]
LabelColumn = Annotated[
    str | None, typer.Option("--label-column", help="Column with the class.", rich_help_panel="Columns", metavar="NAME")
]
SplitColumn = Annotated[
    str | None,
    typer.Option(
        "--split-column", help="Column that says train, validation or test.", rich_help_panel="Columns", metavar="NAME"
    ),
]
SplitSeed = Annotated[
    int, typer.Option("--split-seed", help="Seed of the split, where the rows bring none.", rich_help_panel="Columns")
]
SkipBad = Annotated[
    bool, typer.Option("--skip-bad-rows", help="Leave rows without usable text out.", rich_help_panel="Columns")
]
DropRare = Annotated[
    bool,
    typer.Option(
        "--drop-rare-classes", help="Leave classes with too few rows to split out.", rich_help_panel="Columns"
    ),
]
BriefFile = Annotated[
    Path | None,
    typer.Option(
        "--brief",
        help="YAML file with what you want and can spend; `advisor schema brief` lists its keys.",
        metavar="FILE",
    ),
]
Revision = Annotated[str | None, typer.Option("--revision", help="Branch, tag or commit of the model.", metavar="REV")]
TrustCode = Annotated[
    bool, typer.Option("--trust-remote-code", help="Let Python code from the model's folder run. Read it first.")
]
StrategyNames = Annotated[
    str | None,
    typer.Option(
        "--strategies",
        help="Comma-separated: zero_shot, few_shot, linear_probe, lora, full; the baseline is always measured.",
        metavar="NAMES",
        show_default="all",
    ),
]
Settings = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="A fact, whatever was measured or the brief says: --set rows=5000. Repeat it for several.",
        metavar="KEY=VALUE",
        show_default=False,
    ),
]
RunFolder = Annotated[Path, typer.Argument(help="Run folder that `advisor probe` wrote.", metavar="RUN")]
