"""`advisor predict`: labels and probabilities from what `advisor train` left behind."""

from __future__ import annotations

import json as json_format
import sys
from pathlib import Path
from typing import Annotated

import typer

from advisor.cli import options as o
from advisor.cli.output import print_json, say


def predict(
    model: Annotated[Path, typer.Argument(help="Folder that `advisor train` wrote.", metavar="MODEL")],
    rows: Annotated[str, typer.Argument(help=o.ROWS + " Labels are not needed.", metavar="ROWS")],
    out: Annotated[
        Path | None, typer.Option("--out", help="JSONL file to write.", metavar="FILE", show_default="stdout")
    ] = None,
    text_column: o.TextColumn = None,
    text_pair_column: o.PairColumn = None,
    label_column: o.LabelColumn = None,
    skip_bad_rows: o.SkipBad = False,
    trust_remote_code: o.TrustCode = False,
    json: o.Json = False,
) -> int:
    """Predict a label and class probabilities for each row, one JSON line a row.

    Where the rows bring labels, the share that is right is printed on stderr.
    """
    from advisor.prediction import predict as predict_rows
    from advisor.report.live import Shown
    from probes.errors import SettingError
    from probes.files import user_path, write_text

    out = None if out is None else user_path(out)
    if out is not None and out.is_dir():
        raise SettingError(f"--out {out} is a folder", "Name the file, such as predictions.jsonl.")
    with Shown() as shown:
        found = predict_rows(
            user_path(model),
            rows,
            text_column=text_column,
            text_pair_column=text_pair_column,
            label_column=label_column,
            skip_bad_rows=skip_bad_rows,
            trust_remote_code=trust_remote_code,
            say=shown.say,
            progress=shown.work,
        )
    lines = "".join(json_format.dumps(p, ensure_ascii=False) + "\n" for p in found["predictions"])
    if out is not None:
        try:
            write_text(out, lines)
        except OSError as error:
            raise SettingError(f"--out {out} cannot be written ({error.strerror})", "Name another file.") from None
        say(f"wrote {len(found['predictions']):,} predictions to {out}")
    if json:
        print_json(found)
    elif out is None:
        sys.stdout.write(lines)
    if found["truncated"]:
        say(
            f"{found['truncated']:,} of {len(found['predictions']):,} rows were longer than the model reads; "
            "their ends were left out"
        )
    if found["accuracy"] is not None:
        say(f"accuracy {found['accuracy']:.3f} on {found['labelled']:,} labelled rows")
    return 0
