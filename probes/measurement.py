"""Measurements: one run of one recipe at one train size and seed, with a prediction for each test row."""

from __future__ import annotations

from typing import Literal

from probes.base import Frozen
from probes.errors import RAN_OUT
from probes.recipe import Recipe

Metric = Literal["accuracy", "macro_f1"]

NOT_KEPT = "features cannot be kept in"
"""How the sentence on a feature cache that cannot be written begins."""

EDGE = 0.01
"""Gain on validation rows, over its neighbour, at which the last learning rate of a range shows the range too short."""


class Trial(Frozen):
    """One setting tried on the way to a measurement; it saw training and validation rows only."""

    setting: str
    """What was tried, such as `learning_rate=2e-05`."""
    train_rows: int
    validation_score: float
    """Score on the validation rows, between 0 and 1."""
    validation_loss: float | None = None
    """Mean cross-entropy on the validation rows, nats; breaks ties. None where it was not kept."""
    converged: bool
    """Whether it had stopped improving and fits the training rows as well as the linear probe it contains."""
    why_not: str = ""
    """If not converged, the reason with its numbers."""
    seconds: float
    tokens: int = 0
    """Tokens read by the model while learning; 0 where its measurement or an earlier one counts them, and in runs of
    earlier versions."""


class Measurement(Frozen):
    """One run of one recipe at one train size and seed."""

    strategy: str
    """Name of the strategy that asked for it."""
    model: str | None
    """Name of the model; None where none takes part."""
    recipe: Recipe
    """The resolved recipe: what was chosen on validation rows, ready to run again."""
    train_rows: int
    """Training rows it learned from."""
    seed: int
    metric: Metric
    score: float
    """Score on the test rows, between 0 and 1."""
    validation_score: float | None
    """Score on the validation rows that chose the recipe; None where nothing was chosen."""
    validation_predictions: tuple[int, ...] = ()
    """Predicted class index of each validation row: what the ladder steers by; empty in runs of earlier versions."""
    predictions: tuple[int, ...]
    """Predicted class index of each test row, in the order of the test split."""
    converged: bool = True
    """Whether the run had a fair chance; False forbids a refutation."""
    why_not: str = ""
    """If not converged, the reason with its numbers."""
    trials: tuple[Trial, ...] = ()
    """What chose the recipe: its own search, or that at fewer rows whose choice it reuses."""
    seconds: float
    """Wall-clock seconds, those of its own search included, feature extraction included where it ran first."""
    cut_off: str = ""
    """If time ended its search before each learning rate was tried, how far it came, with its numbers. It is the best
    of those tried; `trials` are empty then, unless a search on fewer rows was made before."""
    search_seconds: float = 0.0
    """Seconds of `seconds` that went into the search of its setting; 0 where that was chosen earlier."""
    peak_bytes: int
    """Most memory held: resident memory of this process on a CPU, allocated memory of the device on a GPU."""
    tokens: int
    """Tokens read by the model while learning, in its own search too (each pass counts)."""
    notes: tuple[str, ...] = ()

    @property
    def fell_short(self) -> tuple[str, ...]:
        """Those of the notes that say what this machine had too little of."""
        return tuple(note for note in self.notes if note.startswith((RAN_OUT, NOT_KEPT)))
