"""From scratch: the architecture without what it learned."""

from __future__ import annotations

from probes.model import ModelFacts
from strategies.tuned import Tuned


class FromScratch(Tuned):
    """The same network from random weights: what is left when nothing is transferred but the architecture.

    Where it does as well as tuning, the pretrained weights bring nothing to these rows, as happens where they are far
    from anything the model has read. It has three times the passes, because it starts from nothing.
    """

    name = "from_scratch"
    weights = "random"
    more_passes = 3

    def learning_rates(self, model: ModelFacts) -> tuple[float, ...]:
        """Return rates of pretraining; large networks need lower ones."""
        return (1e-4, 3e-4, 1e-3) if (model.parameters or 0) < 60_000_000 else (5e-5, 1e-4, 3e-4)
