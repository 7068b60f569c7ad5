"""Retrieval-augmented generation: facts come from documents, not from weights."""

from __future__ import annotations

from probes.model import ModelFacts
from strategies.prompted import prompting_blocked
from strategies.unprobed import Unprobed


class Retrieval(Unprobed):
    """A causal language model answers from passages that are looked up for each question.

    For knowledge that is new or changes: tuning teaches form, and new facts badly (Ovadia et al. 2023, Gekhman et al.
    2024).
    """

    name = "retrieval"
    not_probed = (
        "retrieval from documents is not probed in this version: it takes the documents, which the rows do not hold. "
        "Put the right passage into the text of 100 rows by hand and probe zero_shot on them: that bounds what it gains"
    )

    def inapplicable(self, model: ModelFacts | None) -> str | None:
        """Return why the model cannot answer from passages: only a causal language model continues a text."""
        return super().inapplicable(model) or prompting_blocked(model)
