"""`advisor schema`: the JSON Schema of what is read and written."""

from __future__ import annotations

from typing import Annotated, Any

import typer

from advisor.cli import options as o
from advisor.cli.output import print_json

NAMES = ("config", "brief", "profile", "recommend", "probe")


def schema(
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join(NAMES)}.", metavar="NAME")],
    json: o.Json = False,  # noqa: ARG001 - a schema is JSON either way
) -> int:
    """Print the JSON Schema of the training config, the brief, or a JSON document of a verb."""
    from probes.errors import SettingError

    if name not in NAMES:
        raise SettingError(f"there is no schema {name!r}", f"Allowed: {', '.join(NAMES)}.")
    if name == "config":
        from advisor.config import TrainingConfig as Model
    elif name == "brief":
        from advisor.brief import Brief as Model  # type: ignore[assignment]
    elif name == "profile":
        from probes.profile import Profile as Model  # type: ignore[assignment]
    elif name == "recommend":
        from advisor.engine import AdviceDocument as Model  # type: ignore[assignment]
    else:
        from advisor.session import ProbeResult as Model  # type: ignore[assignment]
    print_json(_for_readers(Model.model_json_schema()))
    return 0


def _for_readers(schema: Any) -> Any:
    """Leave out what docstrings show to Python programmers alone: their examples."""
    if isinstance(schema, list):
        return [_for_readers(part) for part in schema]
    if not isinstance(schema, dict):
        return schema
    plain = {key: _for_readers(part) for key, part in schema.items()}
    if isinstance(told := plain.get("description"), str):
        plain["description"] = told.partition("\n\nExamples\n---")[0]
    return plain
