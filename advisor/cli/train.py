"""`advisor train`: train exactly what a config says."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from advisor.cli import options as o
from advisor.cli.output import print_json, show


def train(
    config: Annotated[Path, typer.Argument(help="Training config that `advisor emit` wrote.", metavar="CONFIG")],
    out: Annotated[
        Path | None,
        typer.Option("--out", help="Folder for the model.", metavar="DIR", show_default="<config>-model"),
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Go on from the last checkpoint in --out.")] = False,
    json: o.Json = False,
) -> int:
    """Train a config: adapter or model, tokenizer, metrics.json and a model card.

    A training that was interrupted goes on from its last epoch with --resume.
    """
    from advisor.config import load_config
    from advisor.report.live import Shown
    from advisor.training import train as train_config
    from probes.files import user_path

    config = user_path(config)
    loaded = load_config(config)
    folder = user_path(out) if out else config.with_name(f"{config.stem}-model")
    with Shown() as shown:
        trained = train_config(loaded, folder, resume=resume, progress=shown.work, say=shown.say)
    if json:
        print_json(trained)
    else:
        from advisor.report.terminal import trained_page

        show(trained_page(trained))
    return 0
