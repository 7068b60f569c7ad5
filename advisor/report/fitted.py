"""Pages that are drawn for the width and the colours there are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from rich.console import Console, ConsoleOptions, RenderableType, RenderResult


@dataclass(frozen=True)
class Fitted:
    """Something drawn only when it is known where.

    Attributes
    ----------
    draw : callable
        Takes the columns there are, and whether colours are shown.
    """

    draw: Callable[[int, bool], RenderableType]

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw it for this console."""
        yield self.draw(options.max_width, console.color_system is not None and not console.no_color)
