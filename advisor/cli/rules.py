"""`advisor rules`: the rule base, each rule with its source."""

from __future__ import annotations

from typing import Annotated

import typer

from advisor.cli import options as o
from advisor.cli.output import print_json, show


def rules(
    family: Annotated[str | None, typer.Option("--family", help="Only this family.", metavar="NAME")] = None,
    json: o.Json = False,
) -> int:
    """List the rules: what each one says, how strong its evidence is, and where it comes from."""
    from advisor.rules import rules_table
    from probes.errors import SettingError

    table = rules_table()
    if family is not None:
        families = sorted({str(rule["family"]) for rule in table})
        if family not in families:
            raise SettingError(f"--family {family!r} is no family of rules", f"Allowed: {', '.join(families)}.")
        table = [rule for rule in table if rule["family"] == family]
    if json:
        print_json({"rules": table})
    else:
        from advisor.report.terminal import rules_page

        show(rules_page(table))
    return 0
