"""What tests of a whole probe share: how they call it, and how they read its ledger and its document."""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
Call = Callable[..., tuple[int, str, str]]
FOUR = "baseline,linear_probe,lora,full"


def ledger(folder: Path) -> list[dict[str, Any]]:
    """Return the finished trials and measurements; judgements on who goes on stand between them."""
    entries = [json.loads(line) for line in (folder / "ledger.jsonl").read_text(encoding="utf-8").splitlines()]
    return [entry for entry in entries if entry["kind"] != "judgement"]


def whose(entry: dict[str, Any]) -> tuple[object, ...]:
    """Tell one finished piece of work from the others."""
    if entry["kind"] == "trial":
        trial = entry["trial"]
        return "trial", entry["strategy"], entry["model"], entry["seed"], trial["setting"], trial["train_rows"]
    measured = entry["measurement"]
    return "measurement", measured["strategy"], measured["model"], measured["train_rows"], measured["seed"]


def essence(document: dict[str, Any]) -> dict[str, Any]:
    """Leave out what depends on the clock and the folder."""

    def timeless(entry: dict[str, Any]) -> dict[str, Any]:
        settle = re.sub(r"about [\d.,]+ (s|min|h) here", "", entry["settle"])
        return {k: v for k, v in entry.items() if k != "seconds"} | {"settle": settle}

    return {
        "recommendation": timeless(document["recommendation"]),
        "verdicts": [timeless(verdict) for verdict in document["verdicts"]],
        "scores": {
            (m["strategy"], m["model"], m["train_rows"], m["seed"]): (m["score"], m["predictions"])
            for m in document["measurements"]
        },
    }
