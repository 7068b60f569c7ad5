"""Distillation: a large model teaches a small one that serves."""

from __future__ import annotations

from strategies.unprobed import Unprobed


class Distillation(Unprobed):
    """A smaller student learns from what a tuned teacher answers, for where serving costs more than training.

    DistilBERT keeps 97 % of BERT's GLUE score with 40 % fewer weights and 60 % more speed (Sanh et al. 2019).
    """

    name = "distillation"
    not_probed = (
        "distillation is not probed in this version: it takes a teacher, a smaller student and rows without labels. "
        "Train the teacher, label more rows with `advisor predict`, and probe the small model on them; a small model "
        "given as one more --model is measured on your own labels"
    )
