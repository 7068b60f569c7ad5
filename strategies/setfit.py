"""SetFit: the encoder learns which texts belong together, then logistic regression reads its features."""

from __future__ import annotations

from probes.model import ModelFacts
from strategies.unprobed import Unprobed


class SetFit(Unprobed):
    """Contrastive tuning of a sentence encoder on pairs of training rows, and a linear head (Tunstall et al. 2022).

    Made for eight to 64 rows a class, where it beat full fine-tuning of a larger encoder (table 2).
    """

    name = "setfit"
    not_probed = (
        "contrastive tuning of the encoder is not probed in this version. linear_probe, measured here, is its second "
        "half on the untuned encoder; the library setfit trains it on the same rows"
    )

    def inapplicable(self, model: ModelFacts | None) -> str | None:
        """Return why the model cannot be tuned on pairs: that takes one vector a text."""
        if model is not None and model.kind == "causal" and not model.sentence_encoder:
            return f"{model.name} is a causal language model ({model.architecture}); SetFit needs a sentence encoder"
        return super().inapplicable(model)
