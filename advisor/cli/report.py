"""`advisor report`: a run again, in the terminal."""

from __future__ import annotations

from advisor.cli import options as o
from advisor.cli.output import print_json, show


def report(run: o.RunFolder, json: o.Json = False) -> int:
    """Show a finished run again: what it found and what it recommends."""
    from advisor.cli.probe import exit_code
    from advisor.run import Run
    from advisor.session import result_of

    result = result_of(Run.open(run))
    if json:
        print_json(result)
    else:
        from advisor.report.terminal import result_page

        show(result_page(result))
    return exit_code(result)
