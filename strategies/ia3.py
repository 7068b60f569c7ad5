"""IA3: a learned factor for each key, value and inner feed-forward activation."""

from __future__ import annotations

from probes.model import ModelFacts
from probes.recipe import Ia3
from strategies.tuned import Tuned


class LearnedFactors(Tuned):
    """Factors on keys, values and inner feed-forward activations, and the head: the fewest weights of all adapters.

    Made for tens of examples and instruction-tuned models (T-Few, Liu et al. 2022). Factors move little a step, so the
    learning rate is that of T-Few and above, and training takes twice the passes of LoRA.
    """

    name = "ia3"
    step_cost = 0.65
    more_passes = 2

    def learning_rates(self, model: ModelFacts) -> tuple[float, ...]:  # noqa: ARG002
        """Return T-Few's rate of 3e-3 and two above it: factors start at 1, and lower rates hardly move them."""
        return (3e-3, 5e-3, 1e-2)

    def adapter(self, model: ModelFacts) -> Ia3:  # noqa: ARG002
        """Return factors where peft puts them for the architecture."""
        return Ia3()
