"""In-context learning: a causal language model reads the label off the prompt, with or without demonstrations."""

from __future__ import annotations

from probes.model import ModelFacts
from probes.recipe import Prompt, Recipe
from strategies.base import Situation, Strategy


class ZeroShot(Strategy):
    """Label likelihood under a causal language model that sees the class names and the text."""

    name = "zero_shot"
    method = "prompt"
    shots_per_class = 0

    def inapplicable(self, model: ModelFacts | None) -> str | None:
        """Return why the model cannot be prompted: only a causal language model continues a text."""
        missing = super().inapplicable(model)
        if missing is not None or model is None:
            return missing
        if model.kind != "causal":
            what = "has no language-model head" if model.headless_decoder else "is an encoder"
            return f"{model.name} {what} ({model.architecture}); prompting needs a causal language model"
        return None

    def recipes(self, situation: Situation) -> tuple[Recipe, ...]:
        """Return one recipe: nothing is trained and nothing is chosen."""
        if situation.model is None:
            raise ValueError("prompting needs a model")
        shots = self.shots_per_class * situation.classes
        return (Prompt(shots=shots, max_length=situation.model.context, seed=situation.seed),)

    def seconds(self, situation: Situation, train_rows: int, search_rows: int, *, searched: bool = True) -> float:  # noqa: ARG002
        """Estimate: the prompt is as long as its demonstrations, and each label is scored in turn."""
        if situation.speed is None:
            return 0.0
        reads = 1 + self.shots_per_class * situation.classes + 0.2 * situation.classes
        return (situation.test_rows + situation.validation_rows) * reads / situation.speed.forward_rows_per_second


class FewShot(ZeroShot):
    """The same with demonstrations from the training rows, spread evenly over the classes, as many as fit."""

    name = "few_shot"
    seeded = True
    shots_per_class = 2
