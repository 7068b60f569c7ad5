"""What every benchmark shares: its flags, where the data lies, and how claims are printed and kept."""

from __future__ import annotations

import argparse
import datetime as dt
import json
import os
import platform
import sys
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from probes.files import write_text
from probes.hardware import glance_at_hardware

ROOT = Path(__file__).resolve().parents[1]
RESULTS = ROOT / "benchmarks" / "results"
SHARED = Path(os.environ.get("ADVISOR_DATASETS") or ROOT.parent / "shared" / "datasets")
"""Folder of the real data sets, beside the checkout unless `$ADVISOR_DATASETS` says otherwise."""


@dataclass(frozen=True)
class Claim:
    """One measured claim."""

    name: str
    value: float | str | None
    goal: str
    """What it should be, in words."""
    holds: bool | None
    """Whether it does; None where it could not be measured, or is reported and promises nothing."""


def dataset(name: str) -> str:
    """Return the path of a data set; without it the benchmark has nothing to measure and says so."""
    file = SHARED / f"{name}.jsonl"
    if not file.is_file():
        sys.exit(f"{file} is missing: put the data sets there, or set ADVISOR_DATASETS to their folder.")
    return str(file)


def machine() -> str:
    """Describe this machine in a line: with the name of its accelerator, where it has one."""
    found = glance_at_hardware()
    device = "" if found.device == "cpu" else f"{found.device_name}, "
    return f"{platform.system()} {platform.machine()}, {device}{found.cores} cores, Python {platform.python_version()}"


def main(
    name: str, measure: Callable[[bool], list[Claim]], details: Callable[[], Mapping[str, Any]] | None = None
) -> None:
    """Run a benchmark by its flags, print its claims and keep them in `benchmarks/results/`; exit 1 if one fails.

    Parameters
    ----------
    name : str
    measure : callable
        From `quick` to the claims.
    details : callable, optional
        Gives what the document holds beside the claims.
    """
    from benchmarks.kept import Kept

    parser = argparse.ArgumentParser(prog=f"python -m benchmarks.{name}")
    parser.add_argument("--quick", action="store_true", help="less than two minutes on two cores; nothing is kept")
    parser.add_argument("--json", action="store_true", help="print one JSON document")
    flags = parser.parse_args()
    claims = measure(flags.quick)
    document = {
        "claims": [asdict(claim) for claim in claims],
        **(details() if details else {}),
        "machine": machine(),
        "date": dt.datetime.now(tz=dt.UTC).date().isoformat(),
    }
    text = json.dumps(document, indent=2, ensure_ascii=False) + "\n"
    if not flags.quick:
        write_text(RESULTS / f"{name}.json", text)
        Kept(name).forget()
    if flags.json:
        sys.stdout.write(text)
    for claim in [] if flags.json else claims:
        unsaid = "not measured" if claim.value is None else "reported"
        state = {True: "holds", False: "FAILS", None: unsaid}[claim.holds]
        value = f"{claim.value:.4f}" if isinstance(claim.value, float) else claim.value
        sys.stdout.write(f"{state:>12}  {claim.name}: {value}  (goal: {claim.goal})\n")
    sys.exit(any(claim.holds is False for claim in claims))
