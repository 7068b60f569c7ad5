"""What every way of learning gives back: a classifier that predicts, tells how it came about, and saves itself."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Protocol

from probes.data import Rows
from probes.measurement import Trial
from probes.recipe import Recipe

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Fitted(Protocol):
    """A fitted classifier."""

    @property
    def recipe(self) -> Recipe:
        """The resolved recipe."""

    @property
    def validation_score(self) -> float | None:
        """Score on the validation rows, None where nothing was chosen on them."""

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Settings tried within the fit, on validation rows."""

    @property
    def converged(self) -> bool:
        """Whether the run had a fair chance."""

    @property
    def why_not(self) -> str:
        """If not converged, the reason with its numbers."""

    @property
    def tokens(self) -> int:
        """Tokens read while learning."""

    @property
    def notes(self) -> tuple[str, ...]:
        """What the user should hear."""

    def probabilities(self, rows: Rows) -> NDArray[np.float32]:
        """Return class probabilities, shape (rows, classes)."""

    def save(self, folder: Path) -> str:
        """Write the classifier where other tools can load it; return the sentence that says how."""
