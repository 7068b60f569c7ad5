"""How tests read a page."""

from __future__ import annotations

import io

from rich.console import Console, RenderableType


def printed(page: RenderableType) -> str:
    console = Console(file=io.StringIO(), width=400, highlight=False)
    console.print(page)
    file = console.file
    assert isinstance(file, io.StringIO)
    return file.getvalue()
