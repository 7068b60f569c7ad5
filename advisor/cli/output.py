"""Where things go: one JSON document or a page on stdout, everything else on stderr, and the exit codes."""

from __future__ import annotations

import json
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from pydantic import BaseModel

if TYPE_CHECKING:
    from rich.console import Console, RenderableType

CONFIRMED, OUR_FAULT, BAD_INPUT, UNDECIDED, INTERRUPTED = 0, 1, 2, 3, 130


def print_json(document: BaseModel | dict[str, Any] | list[Any]) -> None:
    """Print one JSON document on stdout."""
    plain = document.model_dump(mode="json") if isinstance(document, BaseModel) else document
    sys.stdout.write(json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n")


def errors_console() -> Console:
    """Return the console on stderr."""
    from rich.console import Console

    return Console(stderr=True, highlight=False, emoji=False)


def show(*pages: RenderableType) -> None:
    """Print pages on stdout; plain strings as they are, neither wrapped nor read as markup."""
    from rich.console import Console

    console = Console(highlight=False)
    for page in pages:
        if isinstance(page, str):
            console.out(page, highlight=False)
        else:
            # Lines that must not be broken, such as a path to copy, may be wider than the terminal.
            console.print(page, crop=False)


def say(sentence: str) -> None:
    """Print a sentence on stderr, unbroken; text of the user's is shown as it is, never read as markup."""
    errors_console().print(sentence, style="dim", markup=False, soft_wrap=True)


@contextmanager
def counting(what: str, quiet: bool) -> Iterator[Any]:
    """Show a running count of rows on stderr; yield the function that takes the count."""
    if quiet or not sys.stderr.isatty():
        yield None
        return
    from rich.progress import BarColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.completed:,} rows"),
        TimeElapsedColumn(),
    )
    with Progress(*columns, console=errors_console(), transient=True) as bar:
        task = bar.add_task(what, total=None)
        yield lambda rows: bar.update(task, completed=rows)
