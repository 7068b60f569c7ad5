"""The linear probe: the model stays as it is, logistic regression reads its features."""

from __future__ import annotations

from probes.recipe import FrozenFeatures, Recipe
from strategies.base import Situation, Strategy


class LinearProbe(Strategy):
    """Logistic regression on frozen, pooled features.

    One forward pass over the rows, no gradient; the body can be shared by many tasks. Safer than tuning where rows are
    few or the deployment shifts (Kumar et al. 2022).
    """

    name = "linear_probe"
    method = "frozen_features"

    def recipes(self, situation: Situation) -> tuple[Recipe, ...]:
        """Return one recipe; its C is chosen on validation rows."""
        if situation.model is None:
            raise ValueError("a linear probe needs a model")
        return (
            FrozenFeatures(
                pooling=situation.model.pooling,
                normalize=situation.model.normalize,
                max_length=situation.max_length,
                seed=situation.seed,
            ),
        )

    def seconds(self, situation: Situation, train_rows: int, search_rows: int, *, searched: bool = True) -> float:  # noqa: ARG002
        """Estimate: one forward pass over all rows unless their features are cached, then seven solves."""
        if situation.speed is None:
            return 0.0
        rows = 0 if situation.features_cached else train_rows + situation.validation_rows + situation.test_rows
        return rows / situation.speed.forward_rows_per_second + 1.0 + 2e-5 * train_rows * situation.classes
