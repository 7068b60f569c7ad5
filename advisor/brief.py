"""The brief: what the user wants and can spend, and how it is read from a YAML file."""

from __future__ import annotations

import difflib
import functools
import re
import reprlib
import textwrap
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Annotated, Any, Literal, TypeVar

from pydantic import BeforeValidator, Field, ValidationError, field_validator, model_validator

from advisor.gpus import gpu_named
from advisor.languages import language_code
from advisor.numbers import read_number
from advisor.yaml_files import read_mapping
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


Task = Literal[
    "text-classification",
    "extraction",
    "summarisation",
    "question-answering",
    "generation",
    "code",
    "image-classification",
]


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
    metric: Literal["accuracy", "macro_f1"] = "accuracy"
    """What counts as good; macro_f1 gives every class the same weight."""
    target: Share | None = None
    """Score that must be reached, 0 to 1; None for as good as possible."""
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
    """ISO 639 code of the language the rows are in."""
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
    def _language_code(cls, code: object) -> object:
        if code is False:
            return "no"  # YAML 1.1 reads the code of Norwegian as false
        if not isinstance(code, str):
            return code
        known = language_code(code)
        if known is None:
            raise SettingError(f"language is {code!r}", "Give an ISO 639 code, such as en, de, sw or zh.")
        return known

    @field_validator("models", mode="before")
    @classmethod
    def _one_model(cls, names: object) -> object:
        return (names,) if isinstance(names, str) else names

    @field_validator("gpu")
    @classmethod
    def _known_gpu(cls, name: str | None) -> str | None:
        return None if name is None else gpu_named(name).name


B = TypeVar("B", bound=Brief)


def load_brief(path: str | Path) -> Brief:
    """Read a brief from a YAML file.

    An empty value (`target:`) means "not said" and takes the default.

    Parameters
    ----------
    path : str or Path
        A YAML file holding one mapping of `Brief`'s fields.

    Returns
    -------
    Brief

    Raises
    ------
    SettingError
        When the file or one of its values cannot be used; the message names file, key, what was got and what is
        allowed.
    """
    return brief_from(read_mapping(Path(path), "brief", "For the defaults, leave the brief out."), where=str(path))


def brief_from(values: Mapping[str, object], where: str = "brief") -> Brief:
    """Build a brief from a mapping of settings, or say in one message what is wrong with it.

    Parameters
    ----------
    values : mapping
        Field names and values; None counts as not said.
    where : str
        What to call the mapping in a message.

    Raises
    ------
    SettingError
        When a key is unknown or a value not allowed.

    Examples
    --------
    >>> brief_from({"metrics": "accuracy"})
    Traceback (most recent call last):
    probes.errors.SettingError: brief: there is no setting 'metrics'
      → Did you mean 'metric'? ...
    """
    return _checked(Brief, values, where)


def _checked(kind: type[B], values: Mapping[str, object], where: str) -> B:
    """Build a brief, or facts, from settings; None counts as not said."""
    given = {key: value for key, value in values.items() if value is not None or key not in kind.model_fields}
    try:
        return kind.model_validate(given)
    except ValidationError as error:
        problems = _problems(error, kind)
    got = "; ".join(what for what, _ in problems)
    remedy = "\n    ".join(dict.fromkeys(how for _, how in problems))
    raise SettingError(f"{where}: {got}", remedy)


def _problems(error: ValidationError, kind: type[Brief]) -> list[tuple[str, str]]:
    """Say for each key that cannot be used what was got and what is allowed."""
    found: dict[str, tuple[str, str]] = {}
    for detail in error.errors(include_url=False, include_context=False):
        key = str(detail["loc"][0])
        if key == "requests_per_day":
            found[key] = (f"there is no setting {key!r}", _a_month(detail["input"]))
        elif detail["type"] == "extra_forbidden":
            near = _nearest(key, list(kind.model_fields))
            found[key] = (f"there is no setting {key!r}", f"{near}Settings: {', '.join(kind.model_fields)}.")
        elif key not in found:
            value = detail["input"]
            remedy = f"Allowed for {key}: {allowed(key, kind)}."
            if isinstance(value, str):
                remedy = _nearest(value, _choices(key, kind)) + remedy
            found[key] = (f"{key} is {reprlib.repr(value)}", remedy)
    return list(found.values())


def _a_month(a_day: object) -> str:
    """Say what to write instead of `requests_per_day`, which briefs had before they counted by the month."""
    number = read_number(str(a_day))
    example = "" if number is None else f": requests_per_month: {30 * number:.0f}"
    return f"Requests are counted by the month; write 30 times as many as requests_per_month{example}."


def _nearest(word: str, known: list[str]) -> str:
    """Name the known word a typo may have meant, as the opening of a remedy."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    return f"Did you mean {close[0]!r}? " if close else ""


@functools.cache
def _schemas(kind: type[Brief]) -> dict[str, dict[str, Any]]:
    properties: dict[str, dict[str, Any]] = kind.model_json_schema()["properties"]
    return properties


def _schema(key: str, kind: type[Brief]) -> dict[str, Any]:
    """Return the JSON schema of one field, without its null alternative."""
    schema = _schemas(kind)[key]
    for alternative in schema.get("anyOf", ()):
        if alternative.get("type") != "null":
            return dict(alternative)
    return schema


def _choices(key: str, kind: type[Brief]) -> list[str]:
    schema = _schema(key, kind)
    return [str(value) for value in schema.get("enum", [schema["const"]] if "const" in schema else [])]


def allowed(key: str, kind: type[Brief] = Brief) -> str:
    """Say which values a field of the brief, or of the facts, takes.

    Examples
    --------
    >>> allowed("target")
    'a number from 0 to 1'
    >>> allowed("latency_ms")
    'a number above 0'
    >>> allowed("compute")
    'limited or plenty'
    """
    if choices := _choices(key, kind):
        return " or ".join(choices)
    schema = _schema(key, kind)
    if schema["type"] == "array":
        return "a list"
    if schema["type"] == "string":
        return "text"
    if schema["type"] == "boolean":
        return "true or false"
    noun = "a whole number" if schema["type"] == "integer" else "a number"
    low, above, high = (schema.get(name) for name in ("minimum", "exclusiveMinimum", "maximum"))
    if low is None and above is None:
        return noun
    least = f"above {above:g}" if above is not None else f"of {low:g} or more"
    if high is None:
        return f"{noun} {least}"
    return f"{noun} from {low:g} to {high:g}" if above is None else f"{noun} {least}, {high:g} at most"


def settings_from(texts: Iterable[str], flag: str = "--set") -> dict[str, Any]:
    """Read settings written as `key=value`, where a key is any field of the facts.

    Parameters
    ----------
    texts : iterable of str
        A list is written with commas; an empty value, as in `target=`, means not known, or the default.
    flag : str
        What to call them in a message.

    Returns
    -------
    dict
        Values by field, of the type the field has.

    Raises
    ------
    SettingError
        Where a text has no `=`, a key is unknown or given twice, or a value is not allowed.

    Examples
    --------
    >>> settings_from(["gpu=none"])
    {'gpu': None, 'gpu_memory_gb': 0.0}
    >>> settings_from(["rows=5k", "data_may_leave=no", "models=minilm, ./mine", "target="])
    {'rows': 5000, 'data_may_leave': False, 'models': ('minilm', './mine'), 'target': None}
    """
    from advisor.facts import Facts

    given: dict[str, object] = {}
    for text in texts:
        key, equals, value = (part.strip() for part in text.partition("="))
        key = key.replace("-", "_")
        if not (key and equals):
            raise SettingError(f"{flag} {text!r} is no setting", f"Write key=value, for example {flag} rows=5000.")
        if key in given:
            raise SettingError(f"{flag} sets {key} twice", "Keep one of them.")
        if isinstance(getattr(Facts, key, None), property):
            raise SettingError(
                f"{flag} cannot set {key}, which is worked out from other facts",
                f"Settings: {', '.join(Facts.model_fields)}.",
            )
        is_list = key in Facts.model_fields and _schema(key, Facts).get("type") == "array"
        given[key] = tuple(part.strip() for part in value.split(",") if part.strip()) if is_list else value or None
    return checked_settings(given, flag)


def checked_settings(values: Mapping[str, object], where: str = "changes") -> dict[str, Any]:
    """Return settings of the facts by field, each of the type the field has.

    Parameters
    ----------
    values : mapping
        Fields of the facts and values; None means not known, or the default.
    where : str
        What to call the mapping in a message.

    Raises
    ------
    SettingError
        Where a key is unknown, or a value is not allowed.
    """
    from advisor.facts import Facts

    checked = _checked(Facts, values, where)
    # One setting may say another: `gpu=none` is a gpu_memory_gb of 0.
    return {key: getattr(checked, key) for key in (*values, *sorted(checked.model_fields_set - set(values)))}


def to_yaml(brief: Brief) -> str:
    """Write a brief as YAML for people: every setting with what it means, those not said left empty.

    Examples
    --------
    >>> print(to_yaml(Brief(rows=640, compute="limited")))  # doctest: +ELLIPSIS
    # The brief: what you want, have and can spend. ...
    <BLANKLINE>
    # Labelled rows (examples with the right answer) at hand.
    # Allowed: a whole number of 0 or more.
    rows: 640
    ...
    """
    import yaml

    lines = [
        "# The brief: what you want, have and can spend. An empty value means: not known, or the default.",
        "# `advisor recommend --brief` and `advisor probe --brief` read it; `advisor ask --brief` goes on from here.",
    ]
    for key, field in Brief.model_fields.items():
        value = getattr(brief, key) if key in brief.model_fields_set else None
        said = value is not None and value != ()
        note = f"Allowed: {allowed(key)}." + ("" if field.default in (None, ()) else f" Default: {field.default}.")
        comment = [*textwrap.wrap(" ".join((field.description or "").split()), 100), *textwrap.wrap(note, 100)]
        plain = list(value) if isinstance(value, tuple) else value
        written = yaml.safe_dump({key: plain}, allow_unicode=True, width=10_000).strip() if said else f"{key}:"
        lines += ["", *(f"# {line}" for line in comment), written]
    return "\n".join(lines) + "\n"
