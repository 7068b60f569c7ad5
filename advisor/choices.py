"""Threads and precision that train a model fastest on this machine: chosen once, then kept.

A resumed run computes as it began, and runs of the same hours alike. Not for longer: a machine that was busy while it
chose must not be stuck with the choice.
"""

from __future__ import annotations

from advisor import caches
from advisor.run import Run
from probes.base import Frozen
from probes.hardware import Hardware
from probes.model import ModelFacts
from probes.recipe import Precision

FILE = "choices.json"
HOURS = 2.0
"""Hours for which a choice serves other runs too."""


class Choice(Frozen):
    """What trains a model fastest on this machine."""

    threads: int
    precision: Precision


class Choices:
    """The choices of a run.

    Parameters
    ----------
    run : Run or None
        None where no run is kept.
    hardware : Hardware
    """

    def __init__(self, run: Run | None, hardware: Hardware) -> None:
        self._run = run
        self._hardware = hardware

    def recall(self, model: ModelFacts) -> tuple[int, Precision] | None:
        """Return the choice of this run, else that of another run of these hours, else None."""
        kept = self._of_run().get(self._own(model))
        known = (
            self._run.parse(Choice, kept, FILE)
            if self._run is not None and kept
            else caches.load(Choice, "choices", self._key(model), hours=HOURS)
        )
        if known is None:
            return None
        self.keep(model, known.threads, known.precision)
        return known.threads, known.precision

    def keep(self, model: ModelFacts, threads: int, precision: Precision) -> None:
        """Keep a choice in the run, and for other runs of these hours."""
        choice, key = Choice(threads=threads, precision=precision), self._key(model)
        if self._run is not None:
            self._run.write(FILE, {**self._of_run(), self._own(model): choice.model_dump()})
        if caches.load(Choice, "choices", key, hours=HOURS) is None:
            caches.store(choice, "choices", key)

    def _of_run(self) -> dict[str, object]:
        kept = self._run.read(FILE) if self._run is not None and self._run.has(FILE) else {}
        return kept if isinstance(kept, dict) else {}

    def _own(self, model: ModelFacts) -> str:
        """Return the key within a run, which computes as it began however many measurements run at once."""
        hardware = self._hardware.model_dump(exclude={"cores"})
        return caches.key_of(hardware, model.model_id, model.revision, model.bytes_on_disk)

    def _key(self, model: ModelFacts) -> str:
        return caches.key_of(self._hardware.model_dump(), model.model_id, model.revision, model.bytes_on_disk)
