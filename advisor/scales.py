"""How a fact may change: the values it may take, how far a change is, and how it reads."""

from __future__ import annotations

import functools
import math
from dataclasses import dataclass

from pydantic import ValidationError

from advisor.facts import Facts
from advisor.questions import QUESTIONS, Question, machine_is_known

UNKNOWN_DISTANCE = 0.5
"""Distance of an answer still open: nothing has to change but what is known."""
SWITCH_DISTANCE = 1.0
"""Distance of another choice; as far as a number that moves over all that is usual for it."""
STEP = 0.3
"""Nats between the values that a search tries first: a factor of 1.35."""

_NUMBERS = {"count", "amount", "share"}

_PHRASES = {
    "rows": "{} labelled row{s}",
    "classes": "{} class{es}",
    "rows_obtainable": "{} obtainable row{s}",
    "label_price": "a price of {} a label",
    "unlabelled_rows": "{} row{s} without labels",
    "corpus_tokens": "{} token{s} of text from the domain",
    "input_tokens": "{} token{s} an input",
    "output_tokens": "{} token{s} an answer",
    "domain_overlap": "a domain overlap of {}",
    "probe_lift": "a lead of {} of a linear probe",
    "pretraining_lift": "a lead of {} over random weights",
    "prompted_score": "a prompted score of {}",
    "requests_per_month": "{} request{s} a month",
    "latency_ms": "{} ms an answer",
    "prompt_tokens": "{} prompt token{s}",
    "token_price": "a price of {} a million prompt tokens",
    "gpu_memory_gb": "{} GB of GPU memory",
    "gpus": "{} GPU{s}",
    "gpu_hourly_price": "a price of {} a GPU hour",
    "hours": "{} hour{s} of training",
    "money": "a budget of {}",
    "model_parameters": "{} weight{s}",
}
"""How a number of a fact reads; {s} and {es} stand for the plural."""

_CLAUSES: dict[tuple[str, object], str] = {
    ("language", "en"): "the texts were in a natural language",
    ("language", "zxx"): "the texts were in no natural language, but code, logs or DNA",
    ("domain_related", True): "the domain were related to the model's pretraining",
    ("domain_related", False): "the domain were unrelated to the model's pretraining",
    ("corpus_related", True): "your corpus were of the task's own domain",
    ("corpus_related", False): "your corpus were of another domain",
    ("facts_change", True): "right answers needed new or changing facts",
    ("facts_change", False): "right answers needed no changing facts",
    ("expects_shift", True): "the texts in use were to differ from your rows",
    ("expects_shift", False): "the texts in use were like your rows",
    ("shift_kind", "input"): "the texts were to look different",
    ("shift_kind", "output"): "other answers were to become right",
    ("retention_required", True): "the model had to keep its general ability",
    ("retention_required", False): "the model need not keep its general ability",
    ("data_may_leave", True): "your texts might be sent to someone else's machine",
    ("data_may_leave", False): "your texts might not leave your machines",
    ("compute", "plenty"): "compute were plenty",
    ("compute", "limited"): "compute were limited",
    ("model_kind", "encoder"): "the model were an encoder",
    ("model_kind", "causal"): "the model were a causal LM",
    ("instruction_tuned", True): "the model were tuned to follow instructions",
    ("instruction_tuned", False): "the model were not tuned to follow instructions",
}
"""How another choice reads after "if"."""


@dataclass(frozen=True, slots=True)
class Scale:
    """The values of one fact.

    Examples
    --------
    >>> rows = SCALES["rows"]
    >>> round(rows.distance(100, 1_000), 2), rows.phrase(640)
    (0.23, '640 labelled rows')
    """

    question: Question

    @property
    def fact(self) -> str:
        """The field of the facts."""
        return self.question.fact

    @property
    def is_number(self) -> bool:
        """Whether its values can be put in order."""
        return self.question.kind in _NUMBERS

    @property
    def whole(self) -> bool:
        """Whether its numbers are whole."""
        return self.question.kind == "count"

    @property
    def plausible(self) -> tuple[float, ...]:
        """The usual numbers, lowest first."""
        return tuple(sorted(value for value in self.question.plausible if isinstance(value, int | float)))

    @property
    def bounds(self) -> tuple[float, float]:
        """The lowest and the highest number to search: as low as the fact goes, and ten times beyond what is usual."""
        if self.question.kind == "share":
            return -1.0 if _takes(self.fact, -1) else 0.0, 1.0
        if _takes(self.fact, 0):
            return 0.0, self.plausible[-1] * 10
        low = 2.0 if self.fact == "classes" else 1.0 if self.whole else self.plausible[0] / 10
        return low, self.plausible[-1] * 10

    def now(self, facts: Facts) -> object:
        """Return the fact's value, or what the GPU named or the machine measured gives it; None when not known."""
        value = getattr(facts, self.fact)
        given = facts.gpu is not None or machine_is_known(facts)
        if self.fact == "gpu_memory_gb" and value is None and given and facts.gpu_bytes is not None:
            return facts.gpu_bytes / 1e9 / (facts.gpus or 1)
        return None if value == () else value

    def position(self, value: float) -> float:
        """Return where a number lies: a share where it is, any other by its logarithm, 0 below all that is usual."""
        if self.question.kind == "share":
            return value
        return math.log(max(value, self.least))

    @property
    def least(self) -> float:
        """The number that stands for 0 where logarithms are taken: what is next to it is not worth telling from it."""
        return min(value for value in self.plausible if value > 0) / 10

    def value(self, position: float) -> float:
        """Return the number at a position, as the fact takes it."""
        if self.question.kind == "share":
            return position
        number = math.exp(position)
        return round(number) if self.whole else number

    def distance(self, old: object, new: object) -> float:
        """Return how far a change is: 1 for another choice, or for a number that moves over all that is usual."""
        if old is None:
            return UNKNOWN_DISTANCE
        if not (self.is_number and isinstance(old, int | float) and isinstance(new, int | float)):
            return SWITCH_DISTANCE
        spread = self.position(self.plausible[-1]) - self.position(self.plausible[0])
        return abs(self.position(new) - self.position(old)) / spread

    def points(self, now: float | None = None) -> list[float]:
        """Return the numbers that a search tries first, lowest first: all the scale in small steps, and `now`."""
        low, high = self.bounds
        share = self.question.kind == "share"
        start = low if share else max(low, 1.0 if self.whole else self.least)
        here, there = self.position(start), self.position(high)
        span = (self.plausible[-1] - self.plausible[0]) / 20 if share else STEP
        steps = math.ceil((there - here) / span)
        between = (self.value(here + (there - here) * step / steps) for step in range(1, steps))
        found = {low, start, *between, high, *self.plausible, *(() if now is None else (now,))}
        return sorted({int(value) for value in found} if self.whole else found)

    def phrase(self, value: object) -> str:
        """Write a number with its noun."""
        return self._told(self.question.show(value), one=value == 1)

    def stretch(self, low: float, high: float) -> str:
        """Write where on the scale the numbers from `low` to `high` lie, in words that say no more than was tried.

        Examples
        --------
        >>> rows = SCALES["rows"]
        >>> rows.stretch(1, 2_000_000), rows.stretch(0, 99), rows.stretch(0, 0)
        ('from 1 labelled row on', 'at 99 labelled rows or less', 'at 0 labelled rows')
        >>> rows.stretch(100, 640), SCALES["classes"].stretch(2, 800)
        ('between 100 and 640 labelled rows', 'at any tried value, 2 to 800 classes')
        """
        lowest, highest = self.bounds
        if low == high:
            return f"at {self.phrase(low)}"
        first, last = self.question.show(low), self.question.show(high)
        if low <= lowest and high >= highest:
            return f"at any tried value, {self._told(f'{first} to {last}')}"
        if high >= highest:
            return f"from {self.phrase(low)} on"
        return f"at {self.phrase(high)} or less" if low <= lowest else f"between {self._told(f'{first} and {last}')}"

    def _told(self, number: str, one: bool = False) -> str:
        return _PHRASES.get(self.fact, self.fact + " {}").format(number, s="" if one else "s", es="" if one else "es")

    def clause(self, value: object) -> str:
        """Write another choice as it stands after "if"."""
        return _CLAUSES.get((self.fact, value), f"{self.fact} were {self.question.show(value)}")


@functools.cache
def _takes(fact: str, value: float) -> bool:
    """Whether the fact may have a value."""
    try:
        Facts.model_validate({fact: value})
    except ValidationError:
        return False
    return True


SCALES: dict[str, Scale] = {question.fact: Scale(question) for question in QUESTIONS if question.plausible}
"""Every fact that may change in a way that can be searched, by name."""


def movable(scale: Scale, facts: Facts) -> bool:
    """Whether changing the fact makes sense, given the others."""
    return scale.fact == "gpu_memory_gb" or scale.question.applies(facts)
