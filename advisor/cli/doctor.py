"""`advisor doctor`: what this machine can do, what is missing, and the command that mends it."""

from __future__ import annotations

from advisor.cli import options as o
from advisor.cli.output import BAD_INPUT, print_json, show


def doctor(json: o.Json = False) -> int:
    """Check this machine: packages, accelerator, memory, models, folders. Exit code 2 if the main job cannot run."""
    from advisor.doctor import examine

    found = examine()
    if json:
        print_json(found)
    else:
        from advisor.report.terminal import doctor_page

        show(doctor_page(found))
    return 0 if found.ready else BAD_INPUT
