"""`advisor emit`: the recommended training config of a run."""

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
    json: o.Json = False,
) -> int:
    """Write the training config of a run's recommendation, complete, with the reason beside each value."""
    from advisor.config import load_config
    from advisor.run import Run
    from advisor.session import config_of
    from probes.errors import SettingError
    from probes.files import user_path, write_text

    opened = Run.open(run)
    text = config_of(opened)
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
        print_json(load_config(opened.folder / "config.yaml"))
    elif out is None:
        sys.stdout.write(text)
    return 0
