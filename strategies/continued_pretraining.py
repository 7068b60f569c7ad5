"""Continued pretraining before tuning: on the task's own texts (TAPT) or on a corpus of its domain (DAPT)."""

from __future__ import annotations

from probes.model import ModelFacts
from strategies.unprobed import Unprobed


class _Continued(Unprobed):
    def inapplicable(self, model: ModelFacts | None) -> str | None:
        """Return why the model cannot be pretrained further: its language-model head is gone."""
        if model is not None and model.architecture.endswith("Model"):
            return (
                f"{model.name} is stored without its language-model head ({model.architecture}); continued pretraining "
                "starts from the checkpoint that still has it"
            )
        return super().inapplicable(model)


class TaskAdaptive(_Continued):
    """Pretraining goes on over the task's own texts, then the model is tuned (TAPT, Gururangan et al. 2020).

    .5 to 4.4 points on eight of eight tasks, at a sixtieth of DAPT's time (table 5).
    """

    name = "tapt"
    not_probed = (
        "continued pretraining on the task's texts is not probed in this version: its 100 passes over all texts take "
        "longer than every other probe together. Run transformers' run_mlm.py (run_clm.py for a causal model) on them "
        "and give the folder it writes as one more --model: both are then measured on the same rows"
    )


class DomainAdaptive(_Continued):
    """Pretraining goes on over a corpus of the domain, then the model is tuned (DAPT, Gururangan et al. 2020).

    Up to 12 points where the domain is far from what the model has read, nothing where it is near, and a loss where the
    corpus is of another domain (table 3).
    """

    name = "dapt"
    not_probed = (
        "continued pretraining on a corpus is not probed in this version: it takes the corpus, and hours. Look for a "
        "model already pretrained on your domain and give it as one more --model: both are then measured on the same "
        "rows"
    )
