"""`advisor rules`: the rule base, each rule with its source."""

from __future__ import annotations

from typing import Annotated

import typer

from advisor.cli import options as o
from advisor.cli.output import print_json, show


def rules(
    rule: Annotated[
        str | None,
        typer.Argument(help="Id of one rule, to read all about it.", metavar="[ID]", show_default=False),
    ] = None,
    family: Annotated[str | None, typer.Option("--family", help="Only this family.", metavar="NAME")] = None,
    json: o.Json = False,
) -> int:
    """List the rules, or read one whole: what it says, why, what to do, its source, its bands and an example.

    The ids are those that the reasons of an advice name in --json.
    """
    import difflib

    from advisor.house_rules import load_rules
    from advisor.rules.catalogue import rules_table
    from probes.errors import SettingError

    table = rules_table(load_rules())
    families_of = {str(entry["id"]): str(entry["family"]) for entry in table}
    if family is not None:
        families = sorted({str(entry["family"]) for entry in table})
        if family not in families:
            raise SettingError(f"--family {family!r} is no family of rules", f"Allowed: {', '.join(families)}.")
        table = [entry for entry in table if entry["family"] == family]
    if rule is not None:
        ids = [str(entry["id"]) for entry in table]
        if rule not in ids and rule in families_of:
            raise SettingError(
                f"rule {rule!r} is not in the family {family}",
                f"It is in {families_of[rule]}: write --family {families_of[rule]}, or leave --family out.",
            )
        if rule not in ids:
            close = difflib.get_close_matches(rule, ids, n=1)
            meant = f"Did you mean {close[0]}? " if close else ""
            raise SettingError(f"there is no rule {rule!r}", f"{meant}`advisor rules` lists them.")
        table = [entry for entry in table if entry["id"] == rule]
    if json:
        from advisor.rule_documents import RulesDocument

        print_json(RulesDocument.model_validate({"rules": table}))
    else:
        from advisor.report.rule_pages import rule_page, rules_page

        show(rules_page(table) if rule is None else rule_page(table[0]))
    return 0
