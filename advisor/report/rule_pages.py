"""Pages of the rule base: the list, and one rule whole."""

from __future__ import annotations

from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.table import Table
from rich.text import Text

from advisor.report.fitted import Fitted

STRENGTHS = {"W": "weak", "M": "medium", "S": "strong"}
LEADS = ("Because:", "What to do:")
"""How paragraphs begin whose opening stands out."""
BESIDE = 70
"""Columns that a list needs beside the ids."""


def rules_page(table: list[dict[str, Any]]) -> RenderableType:
    """Return the page of the rule base."""
    return Fitted(lambda width, _: _list(table, width))


def _list(table: list[dict[str, Any]], width: int) -> RenderableType:
    """List rules in columns or, where the ids leave too little room beside them, below each other; no id is broken."""
    page = Table(title=f"{len(table)} rules", title_justify="left", title_style="bold")
    page.add_column("rule", no_wrap=True)
    page.add_column("evidence", no_wrap=True)
    page.add_column("what it says", ratio=2)
    page.add_column("source", ratio=1, style="dim")
    lines: list[RenderableType] = [Text(f"{len(table)} rules", style="bold")]
    for rule in table:
        name, evidence, source = str(rule["id"]), STRENGTHS[rule["strength"]], str(rule["source"])
        title = rule["title"] if rule["origin"] == "advisor" else f"{rule['title']} ({rule['origin']})"
        page.add_row(Text(name), Text(evidence), Text(title), Text(source))
        told = Text.assemble(title, (f" [{source}; {evidence} evidence]", "dim"))
        lines += [Text(name, style="bold", no_wrap=True, overflow="ignore"), Padding(told, (0, 0, 0, 2))]
    longest = max((len(str(rule["id"])) for rule in table), default=0)
    return page if longest + BESIDE <= width else Group(*lines)


def rule_page(rule: dict[str, Any]) -> RenderableType:
    """Return the page of one rule: what it says, why, what to do, its bands, and its example run through it."""
    _, *paragraphs = str(rule["docs"]).split("\n\n")
    said = []
    for paragraph in paragraphs:
        text = Text(" ".join(paragraph.split()))
        for lead in LEADS:
            if text.plain.startswith(lead):
                text.stylize("bold", 0, len(lead))
        said.append(text)
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    table.add_column(overflow="fold")
    rows = [
        ("family", str(rule["family"])),
        ("evidence", STRENGTHS[rule["strength"]]),
        ("source", str(rule["source"])),
        ("strategies", ", ".join(rule["strategies"])),
        *(("grades over", f"{band['fact']}: {band['band']} [{band['source']}]") for band in rule["thresholds"]),
        *([] if rule["origin"] == "advisor" else [("read from", str(rule["origin"]))]),
    ]
    for name, value in rows:
        table.add_row(Text(name), Text(value))
    title = Text(f"{rule['id']}: {rule['title']}", style="bold")
    return Group(title, *said, Text(), table, *_example(rule["example"]))


def _example(example: dict[str, Any]) -> list[RenderableType]:
    """Write what the rule says of its example."""
    facts = ", ".join(f"{fact}={value}" for fact, value in example["facts"].items()) or "no facts at all"
    if not (example["facts"] or example["effects"]):
        return []
    lines = [Text(), Text.assemble(("Example: ", "bold"), facts)]
    for effect in example["effects"]:
        lines.append(Text(f"  {effect['because']}"))
        weights = effect["strategies"].items()
        lines.append(Text("    " + ", ".join(f"{name} {_weight(weight)}" for name, weight in weights), style="dim"))
    return [*lines]


def _weight(weight: float | str) -> str:
    return "blocked" if weight == "block" else "note" if weight == 0 else f"{weight:+.2f}"
