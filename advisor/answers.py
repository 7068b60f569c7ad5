"""What an answer means, as people type it: settings of the brief."""

from __future__ import annotations

import re

from advisor.facts import Facts
from advisor.gpus import gpu_named
from advisor.numbers import read_number
from advisor.questions import Question
from advisor.settings import allowed, brief_from
from probes.errors import SettingError

Settings = dict[str, object]

_UNKNOWN = frozenset({"", "?", "don't know", "dont know", "unknown"})
_GPUS = re.compile(r"(?:(\d+)(?:\s*[x×*]\s*|\s+(?=[a-z])(?!g(?:i?b)?\s*$)))?(.+)", re.IGNORECASE)
_MEMORY = re.compile(r"(\d+(?:\.\d+)?)\s*(?:gb|gib|g)?", re.IGNORECASE)


def read_answer(question: Question, text: str, facts: Facts | None = None) -> Settings:
    """Return the settings of the brief that an answer means; none for "don't know".

    Parameters
    ----------
    question : Question
    text : str
        As typed or chosen.
    facts : Facts, optional
        What is known already; of use where the answer is "this machine".

    Raises
    ------
    SettingError

    Examples
    --------
    >>> from advisor.questions import ALL
    >>> read_answer(ALL["rows"], "5k"), read_answer(ALL["rows"], "?"), read_answer(ALL["target"], "85%")
    ({'rows': 5000}, {}, {'target': 0.85})
    >>> read_answer(ALL["gpu"], "8 x H100"), read_answer(ALL["gpu"], "none"), read_answer(ALL["gpu"], "24 GB")
    ({'gpu': 'H100', 'gpus': 8}, {'gpu_memory_gb': 0.0}, {'gpu_memory_gb': 24.0})
    """
    text = text.strip()
    if text.lower() in _UNKNOWN:
        if not question.optional:
            raise SettingError(f"{question.fact} is not known", f"Allowed: {allowed(question.fact)}.")
        return {}
    if question.kind == "gpu":
        return _gpus(text, facts)
    if question.kind == "list":
        return {question.fact: tuple(part.strip() for part in text.split(",") if part.strip())}
    value: object = text
    if question.kind == "share" and text.endswith("%"):
        share = read_number(text[:-1])
        value = text if share is None else share / 100
    task = "text-classification" if facts is None else facts.task  # which metrics there are hangs on it
    read = getattr(brief_from({"task": task, question.fact: value}, "answer"), question.fact)
    return {question.fact: read}


def _gpus(text: str, facts: Facts | None) -> Settings:
    """Read how many GPUs of which kind: by name, by memory, none, or this machine's own."""
    if text.lower() in {"none", "no", "no gpu", "0", "cpu"}:
        return {"gpu_memory_gb": 0.0}
    if text.lower() in {"this machine", "this", "here"}:
        if facts is None or facts.device is None:
            raise SettingError("nobody has looked at this machine", "Name the GPU, or its memory: 24 GB.")
        own = 0.0 if facts.device == "cpu" else (facts.memory_bytes or 0) / 1e9
        return {"gpu_memory_gb": round(own, 3)}
    found = _GPUS.fullmatch(text)
    count, name = (found[1], found[2]) if found else (None, text)
    many: Settings = {} if count is None else {"gpus": brief_from({"gpus": count}, "answer").gpus}
    if memory := _MEMORY.fullmatch(name.strip()):
        return {"gpu_memory_gb": float(memory[1]), **many}
    return {"gpu": gpu_named(name).name, **many}
