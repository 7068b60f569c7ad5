"""Prompt tuning: a few learned vectors before the text, every weight frozen."""

from __future__ import annotations

from probes.model import ModelFacts
from probes.recipe import Recipe, SoftPrompt, Tuning
from strategies.base import Situation
from strategies.tuned import Tuned

TOKENS = 20
"""Vectors of the prompt: from 20 on more gain little (Lester et al. 2021, section 3.2)."""


class PromptTuning(Tuned):
    """Soft prompts: vectors that stand before the embedded text are trained, and the head (Lester et al. 2021).

    The vectors start as those of words drawn from the vocabulary, become tokens of it, and are saved with it, so that
    the trained model loads like any other. A prefix learned likewise was 26 points behind LoRA on 100 rows of MNLI, and
    10 on 1,000 (Hu et al. 2021, table 16).
    """

    name = "prompt_tuning"
    step_cost = 1.1  # two thirds of a step that trains every weight, on texts of 30 tokens that grow by the prompt's 20
    more_passes = 2

    def inapplicable(self, model: ModelFacts | None) -> str | None:
        """Return also that the prompt would leave too little of what the model reads."""
        if model is not None and model.context < 2 * TOKENS:
            return f"{model.name} reads {model.context} tokens at most, and a soft prompt takes {TOKENS} of them"
        return super().inapplicable(model)

    def learning_rates(self, model: ModelFacts) -> tuple[float, ...]:  # noqa: ARG002
        """Return three rates around .01, with AdamW on vectors about as long as a word's.

        Lester et al. (2021) take .3, but with Adafactor and T5, whose vectors are far longer. The rate decides: in
        PEFT's public benchmark prompt tuning went from 5.7 to 34.3 % with a better rate and start.
        """
        return (3e-3, 1e-2, 3e-2)

    def adapter(self, model: ModelFacts) -> SoftPrompt:  # noqa: ARG002
        """Return 20 vectors, whatever the model."""
        return SoftPrompt(tokens=TOKENS)

    def recipes(self, situation: Situation) -> tuple[Recipe, ...]:
        """Return one recipe a learning rate; texts are read as far as the prompt leaves room."""
        room = situation.model.context - TOKENS if situation.model else 0
        return tuple(
            recipe.model_copy(update={"max_length": min(recipe.max_length, room)})
            for recipe in super().recipes(situation)
            if isinstance(recipe, Tuning)
        )
