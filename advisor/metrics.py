"""The kinds of tasks, and what counts as a good answer to each."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal, get_args

from probes.measurement import Metric

Task = Literal[
    "text-classification",
    "extraction",
    "summarisation",
    "question-answering",
    "generation",
    "code",
    "image-classification",
]

TaskMetric = Literal[
    "accuracy",
    "macro_f1",
    "f1",
    "exact_match",
    "rougeL",
    "preference",
    "valid_format",
    "bleu",
    "pass_at_1",
]

MEANING: dict[TaskMetric, str] = {
    "accuracy": "the share of right answers",
    "macro_f1": "F1 averaged over the classes, each with the same weight",
    "f1": "precision and recall of what was found, as one number",
    "exact_match": "the share of answers that equal the right one",
    "rougeL": "the longest run of words shared with a reference, as F1",
    "preference": "the share of answers that people, or a model as judge, prefer to a reference",
    "valid_format": "the share of answers that keep the format asked for",
    "bleu": "runs of up to four words shared with a reference, 0 to 1",
    "pass_at_1": "the share of problems whose first solution passes its tests",
}
"""What each metric says; all lie between 0 and 1."""

METRICS: Mapping[Task, tuple[TaskMetric, ...]] = {
    "text-classification": get_args(Metric),  # those that the probes compute
    "extraction": ("f1", "exact_match"),
    "summarisation": ("rougeL", "preference"),
    "question-answering": ("exact_match", "f1"),
    "generation": ("preference", "valid_format", "bleu"),
    "code": ("pass_at_1", "exact_match"),
    "image-classification": ("accuracy", "macro_f1"),
}
"""The metrics that the field uses for each task, the usual one first.

SQuAD (Rajpurkar et al. 2016) counts exact match and F1, CoNLL-2003 F1 of entities, Lin 2004 ROUGE-L, Papineni et al.
2002 BLEU, HumanEval (Chen et al. 2021) pass@1, CodeXGLUE exact match; preference and valid format are common practice.
"""


def task_of(metric: object) -> Task:
    """Return a task that a metric goes with; text classification where there is none.

    Examples
    --------
    >>> task_of("pass_at_1"), task_of("accuracy"), task_of(None)
    ('code', 'text-classification', 'text-classification')
    """
    return next((task for task, metrics in METRICS.items() if metric in metrics), "text-classification")
