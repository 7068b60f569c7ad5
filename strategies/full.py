"""Full fine-tuning: every weight moves."""

from __future__ import annotations

from probes.model import ModelFacts
from strategies.tuned import Tuned


class Full(Tuned):
    """Gradient descent on every weight, and the head."""

    name = "full"

    def learning_rates(self, model: ModelFacts) -> tuple[float, ...]:
        """Return three rates; small encoders bear higher ones, large language models need lower ones."""
        if model.kind == "encoder":
            return (2e-5, 5e-5, 1e-4) if (model.parameters or 0) < 60_000_000 else (1e-5, 2e-5, 5e-5)
        return (5e-6, 1e-5, 2e-5) if (model.parameters or 0) > 3_000_000_000 else (1e-5, 2e-5, 5e-5)
