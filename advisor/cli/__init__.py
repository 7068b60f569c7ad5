"""The command line: one thin file a verb; `app` puts them together."""

from __future__ import annotations

import sys


def main() -> None:
    """Run the command line; Ctrl-C ends it quietly even while it is being loaded."""
    try:
        from advisor.cli.app import main as run
    except KeyboardInterrupt:
        sys.exit(130)
    run()
