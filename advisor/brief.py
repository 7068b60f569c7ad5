"""The brief: what the user wants, has and can spend."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Annotated, Any, Literal, Self

from pydantic import BeforeValidator, Field, field_validator, model_validator

from advisor.gpus import gpu_named
from advisor.languages import language_codes
from advisor.metrics import METRICS, Task, TaskMetric
from advisor.numbers import read_number
from probes.base import Frozen
from probes.errors import SettingError


def _plain_number(value: object) -> object:
    """Turn a number written as text into a float (YAML 1.1 reads `2e-5` and `5k` as text) and refuse true / false."""
    if isinstance(value, bool):
        raise ValueError("true and false are not numbers")  # noqa: TRY004 - pydantic turns only these into its own error
    if isinstance(value, str):
        number = read_number(value)
        return value if number is None else number
    return value


_Plain = BeforeValidator(_plain_number)
Share = Annotated[float, Field(ge=0, le=1), _Plain]
Lift = Annotated[float, Field(ge=-1, le=1), _Plain]
Points = Annotated[float, Field(ge=0, le=100), _Plain]
Amount = Annotated[float, Field(ge=0), _Plain]
Positive = Annotated[float, Field(gt=0), _Plain]


def _whole_number(value: object) -> object:
    """Refuse 3.000, which is three thousand to some and three to others, where no fraction can be meant."""
    if isinstance(value, str) and re.fullmatch(r"\s*\d{1,3}(\.\d{3})+\s*", value):
        raise ValueError("a dot sets no thousands apart; write 3000 or 3,000")
    return value


_NoDots = BeforeValidator(_whole_number)  # runs before the one that reads numbers: the last in the list is the first
Count = Annotated[int, Field(ge=0), _Plain, _NoDots]
Whole = Annotated[int, Field(ge=1), _Plain, _NoDots]


NO_GPU = ("none", "no", "cpu", "false")
"""Names of a GPU that mean there is none."""


class Brief(Frozen):
    """What the user wants, has and can spend; every field may be left out, and None is "not known".

    What rows and a model say themselves is measured where they are at hand, and overrules the brief.

    Examples
    --------
    >>> Brief(metric="macro_f1", target="8e-1").target
    0.8
    """

    task: Task = "text-classification"
    """Kind of task; only text classification is probed so far, for the others there is advice."""
    metric: TaskMetric | None = None
    """What counts as a good answer, by a metric that goes with the task; None for the usual one of the task."""
    target: Share | None = None
    """Score on that metric that must be reached, 0 to 1; None for as good as possible."""
    tolerance: Points = 1.0
    """Points (hundredths of the metric) a lighter strategy may be worse than the best."""

    rows: Count | None = None
    """Labelled rows (examples with the right answer) at hand."""
    rows_obtainable: Count | None = None
    """Labelled rows there could be in all, with more labelling."""
    label_price: Amount | None = None
    """Price of labelling one row, in the currency of `money`."""
    unlabelled_rows: Count | None = None
    """Rows of the task's own kind without labels."""
    corpus_tokens: Count | None = None
    """Tokens of unlabelled text from the task's domain, in all."""
    corpus_related: bool | None = None
    """Whether that text is of the task's own domain, and not of a neighbouring one."""
    classes: Whole | None = None
    """Distinct labels of a classification."""
    input_tokens: Whole | None = None
    """Tokens of the median input."""
    output_tokens: Whole | None = None
    """Tokens of the median answer."""

    language: str | None = None
    """ISO 639 code of the language the rows are in; of several, with commas between them."""
    domain: str | None = None
    """The domain in the user's words."""
    domain_related: bool | None = None
    """Whether the domain is related to what the model was pretrained on (for most models: web text)."""
    domain_overlap: Share | None = None
    """Share of the domain's frequent words that are frequent in the model's pretraining text too (Gururangan et al.
    2020: news .54, reviews .35, biomedicine .27, computer science .19)."""
    probe_lift: Share | None = None
    """By how much a linear probe (or nearest neighbours) on frozen features beats always saying the commonest class,
    on the scale of the score."""
    pretraining_lift: Lift | None = None
    """By how much the tuned model beats the same architecture from random weights, on the scale of the score."""
    facts_change: bool | None = None
    """Whether right answers need new or changing facts."""
    retention_required: bool | None = None
    """Whether the model must keep its general ability beside the new task."""
    expects_shift: bool | None = None
    """Whether the texts in use will differ from the rows at hand (other source, time or users)."""
    shift_kind: Literal["input", "output"] | None = None
    """What will differ: how texts look, or which answers are right."""
    prompted_score: Share | None = None
    """Score of a strong prompted LLM on this task, 0 to 1, if somebody measured it."""

    requests_per_month: Count | None = None
    """Texts the finished model will be asked about in a month."""
    latency_ms: Positive | None = None
    """Milliseconds one answer may take."""
    prompt_tokens: Count | None = None
    """Tokens of the instructions and demonstrations that a prompt needs beside the input."""
    token_price: Amount | None = None
    """Price of a million prompt tokens, in the currency of `money`."""
    data_may_leave: bool | None = None
    """Whether rows may be sent to someone else's machine."""

    gpu: str | None = None
    """Name of the GPU the training will run on, such as RTX4090 or A100-80; none for no GPU."""
    gpu_memory_gb: Amount | None = None
    """Memory of that GPU, in GB (10⁹ bytes); 0 for no GPU, None for the named one's, or this machine's own."""
    gpus: Whole | None = None
    """How many of them."""
    gpu_hourly_price: Amount | None = None
    """Price of one for an hour, in the currency of `money`."""
    compute: Literal["limited", "plenty"] | None = None
    """How the user sees their compute for this task."""
    hours: Positive | None = None
    """Hours that training may take."""
    money: Amount | None = None
    """Money that training may cost."""
    expertise: Literal["none", "some", "expert"] | None = None
    """Experience with training models."""
    upkeep: Literal["low", "high"] | None = None
    """Appetite for maintaining what is built: retraining, serving, monitoring."""

    models: tuple[str, ...] = ()
    """Candidate models: alias, hub id or folder, as --model takes them."""
    model_kind: Literal["encoder", "causal"] | None = None
    """Whether the model reads a text whole (encoder) or predicts the next token (causal LM)."""
    model_parameters: Whole | None = None
    """Weights of the model."""
    instruction_tuned: bool | None = None
    """Whether a causal LM was tuned to follow instructions."""

    @model_validator(mode="before")
    @classmethod
    def _no_gpu(cls, values: Any) -> Any:
        """Take `gpu: none` as no memory of a GPU; YAML 1.1 reads `no` as false."""
        if not isinstance(values, Mapping):
            return values
        name = values.get("gpu")
        none = name is False or (isinstance(name, str) and name.strip().lower() in NO_GPU)
        return {**values, "gpu": None, "gpu_memory_gb": 0} if none else values

    @field_validator("language", mode="before")
    @classmethod
    def _language_codes(cls, said: object) -> object:
        return language_codes(said)

    @field_validator("models", mode="before")
    @classmethod
    def _one_model(cls, names: object) -> object:
        return (names,) if isinstance(names, str) else names

    @field_validator("gpu")
    @classmethod
    def _known_gpu(cls, name: str | None) -> str | None:
        return None if name is None else gpu_named(name).name

    @model_validator(mode="after")
    def _metric_goes_with_task(self) -> Self:
        usual = METRICS[self.task]
        if self.metric is not None and self.metric not in usual:
            raise SettingError(
                f"metric is {self.metric!r}, which does not go with the task {self.task}",
                f"Allowed for {self.task}: {' or '.join(usual)}; left out, it is {usual[0]}. If the task is another, "
                "set task.",
            )
        return self

    @property
    def scored_by(self) -> TaskMetric:
        """The metric that counts: what was said, else the usual one of the task."""
        return self.metric or METRICS[self.task][0]

    @property
    def languages(self) -> tuple[str, ...]:
        """Codes of the languages the rows are in; empty where nobody said."""
        return tuple(self.language.split(", ")) if self.language else ()
