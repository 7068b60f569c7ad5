"""`advisor emit`: the training config of what a run recommends, or of another candidate that it measured."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from advisor.cli import options as o
from advisor.cli.output import print_json, say


def emit(
    run: o.RunFolder,
    out: Annotated[
        Path | None, typer.Option("--out", help="File to write.", metavar="FILE", show_default="stdout")
    ] = None,
    strategy: Annotated[
        str | None,
        typer.Option(
            "--strategy",
            help="Another candidate that was measured, as the verdicts name it.",
            metavar="NAME",
            show_default="the recommended one",
        ),
    ] = None,
    model: Annotated[
        str | None,
        typer.Option(
            "--model",
            help="Its model, where the strategy was measured on several.",
            metavar="MODEL",
            show_default=False,
        ),
    ] = None,
    json: o.Json = False,
) -> int:
    """Write the training config of a run's recommendation, complete, with the reason beside each value.

    With --strategy that of any other candidate it measured, such as one to train longer; the rows are read again.
    """
    from advisor.emitting import config_of_measured, config_of_recommended
    from advisor.run import Run
    from probes.errors import SettingError
    from probes.files import user_path, write_text

    if model is not None and strategy is None:
        raise SettingError(f"--model {model} without --strategy", "Name the strategy too: --strategy lora.")
    opened = Run.open(run)
    config, text = config_of_recommended(opened) if strategy is None else config_of_measured(opened, strategy, model)
    if out is not None:
        out = user_path(out)
        if out.is_dir():
            raise SettingError(f"--out {out} is a folder", "Name the file, such as config.yaml.")
        try:
            write_text(out, text.replace("advisor train config.yaml", f"advisor train {out}"))
        except OSError as error:
            raise SettingError(f"--out {out} cannot be written ({error.strerror})", "Name another file.") from None
        say(f"wrote {out}; train it with: advisor train {out}")
    if json:
        print_json(config)
    elif out is None:
        sys.stdout.write(text)
    return 0
