"""In-context learning: a causal language model reads the label off the prompt, with or without demonstrations."""

from __future__ import annotations

from probes.model import ModelFacts
from probes.recipe import Prompt, Recipe
from strategies.base import Situation, Strategy
from strategies.unprobed import Unprobed

DEMONSTRATION = 16
"""Tokens that a short demonstration takes with its label: a context is not asked to hold more than so many allow."""


def prompting_blocked(model: ModelFacts | None) -> str | None:
    """Return why the model cannot be prompted: only a causal language model continues a text."""
    if model is None or model.kind == "causal":
        return None
    what = "has no language-model head" if model.headless_decoder else "is an encoder"
    return f"{model.name} {what} ({model.architecture}); prompting needs a causal language model"


class ZeroShot(Strategy):
    """Label likelihood under a causal language model that sees the class names and the text."""

    name = "zero_shot"
    method = "prompt"
    shots_per_class = 0

    def inapplicable(self, model: ModelFacts | None) -> str | None:
        """Return why the model cannot be prompted."""
        return super().inapplicable(model) or prompting_blocked(model)

    def shots(self, situation: Situation) -> int:
        """Return the demonstrations to put into the prompt."""
        return self.shots_per_class * situation.classes

    def recipes(self, situation: Situation) -> tuple[Recipe, ...]:
        """Return one recipe: nothing is trained and nothing is chosen."""
        if situation.model is None:
            raise ValueError("prompting needs a model")
        return (Prompt(shots=self.shots(situation), max_length=situation.model.context, seed=situation.seed),)

    def seconds(self, situation: Situation, train_rows: int, search_rows: int, *, searched: bool = True) -> float:  # noqa: ARG002
        """Estimate: the prompt is as long as its demonstrations, and each label is scored in turn."""
        if situation.speed is None:
            return 0.0
        reads = 1 + self.shots(situation) + 0.2 * situation.classes
        return (situation.test_rows + situation.validation_rows) * reads / situation.speed.forward_rows_per_second


class FewShot(ZeroShot):
    """The same with demonstrations from the training rows, spread evenly over the classes, as many as fit."""

    name = "few_shot"
    seeded = True
    shots_per_class = 2


class ManyShot(FewShot):
    """The same with as many as the context holds, 50 a class at most.

    Large label sets gain up to thousands of demonstrations (Bertsch et al. 2024), others little beyond some tens a
    class; every request pays for the long prompt.
    """

    name = "many_shot"
    shots_per_class = 50

    def shots(self, situation: Situation) -> int:
        """Return what the context may hold of them, and no fewer than few-shot has."""
        room = situation.model.context // DEMONSTRATION if situation.model else 0
        return min(super().shots(situation), max(room, FewShot.shots_per_class * situation.classes))


class RetrievedFewShot(Unprobed):
    """The same with demonstrations looked up for each text: those of the training rows that are most like it.

    Nearest neighbours beat demonstrations drawn at random (Liu et al. 2022, *What makes good in-context examples for
    GPT-3?*).
    """

    name = "few_shot_retrieved"
    not_probed = (
        "demonstrations looked up for each text are not probed in this version. few_shot and many_shot, measured here, "
        "show the same ones to every text; where many_shot gains on few_shot, choosing them is worth a try"
    )

    def inapplicable(self, model: ModelFacts | None) -> str | None:
        """Return why the model cannot be prompted."""
        return super().inapplicable(model) or prompting_blocked(model)
