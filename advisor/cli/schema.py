"""`advisor schema`: the JSON Schema of what is read and written."""

from __future__ import annotations

import importlib
from typing import Annotated, Any

import typer

from advisor.cli import options as o
from advisor.cli.output import print_json

SCHEMAS = {
    "config": "advisor.config:TrainingConfig",
    "brief": "advisor.brief:Brief",
    "facts": "advisor.facts:Facts",
    "profile": "probes.profile:Profile",
    "recommend": "advisor.advice:AdviceDocument",
    "explain": "advisor.explain:Explanation",
    "whatif": "advisor.whatif:Sweep",
    "probe": "advisor.session:ProbeResult",
    "train": "advisor.training:Trained",
    "rules": "advisor.rule_documents:RulesDocument",
    "doctor": "advisor.doctor:Examination",
}
"""Where each document's class is, imported only when it is asked for."""


def schema(
    name: Annotated[str, typer.Argument(help=f"One of: {', '.join(SCHEMAS)}.", metavar="NAME")],
    json: o.Json = False,  # noqa: ARG001 - a schema is JSON either way
) -> int:
    """Print the JSON Schema of the training config, the brief, the facts that --set takes, or a verb's document."""
    from probes.errors import SettingError

    if name not in SCHEMAS:
        raise SettingError(f"there is no schema {name!r}", f"Allowed: {', '.join(SCHEMAS)}.")
    module, _, document = SCHEMAS[name].partition(":")
    print_json(_for_readers(getattr(importlib.import_module(module), document).model_json_schema()))
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
