"""Settings as people write them, in a mapping or in flags, and one message for all that cannot be used."""

from __future__ import annotations

import difflib
import functools
import reprlib
from collections.abc import Iterable, Mapping
from typing import Any, TypeVar

from pydantic import ValidationError

from advisor.brief import Brief
from advisor.facts import Facts
from advisor.metrics import task_of
from advisor.numbers import read_number
from probes.errors import SettingError

B = TypeVar("B", bound=Brief)


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
        found = kind.model_validate(given)
    except SettingError as error:  # a field said itself what is wrong
        raise SettingError(f"{where}: {error.got}", error.remedy) from None
    except ValidationError as error:
        problems = _problems(error, kind, given)
        got = "; ".join(what for what, _ in problems)
        raise SettingError(f"{where}: {got}", "\n    ".join(dict.fromkeys(how for _, how in problems))) from None
    if found.classes == 1 and found.task.endswith("classification"):
        raise SettingError(
            f"{where}: classes is 1, and with one there is nothing to tell apart",
            f"Give 2 or more: {found.task} chooses between classes. If the task is another, set task.",
        )
    return found


def _problems(error: ValidationError, kind: type[Brief], given: Mapping[str, object]) -> list[tuple[str, str]]:
    """Say for each key that cannot be used what was got, as it was written, and what is allowed."""
    found: dict[str, tuple[str, str]] = {}
    for detail in error.errors(include_url=False, include_context=False):
        key = str(detail["loc"][0])
        if key == "requests_per_day":
            found[key] = (f"there is no setting {key!r}", _a_month(detail["input"]))
        elif detail["type"] == "extra_forbidden":
            near = _nearest(key, list(kind.model_fields))
            found[key] = (f"there is no setting {key!r}", f"{near}{_all_settings(kind)}")
        elif key not in found:
            value = given.get(key, detail["input"])
            remedy = f"Allowed for {key}: {allowed(key, kind)}."
            if isinstance(value, str):
                remedy = _nearest(value, _choices(key, kind)) + remedy
            number = isinstance(value, str) and read_number(value) is not None
            found[key] = (f"{key} is {value if number else reprlib.repr(value)}", remedy)
    return list(found.values())


def _all_settings(kind: type[Brief]) -> str:
    """Say where all settings are told: there are too many for a message."""
    return f"`advisor schema {'brief' if kind is Brief else 'facts'}` lists the settings there are."


def _a_month(a_day: object) -> str:
    """Say what to write instead of `requests_per_day`, which briefs had before they counted by the month."""
    number = read_number(str(a_day))
    example = "" if number is None else f": requests_per_month: {30 * number:.0f}"
    return f"Requests are counted by the month; write 30 times as many as requests_per_month{example}."


def _nearest(word: str, known: list[str]) -> str:
    """Name the known word a typo may have meant, or a few that share a word with it, as the opening of a remedy."""
    close = difflib.get_close_matches(word, known, n=1, cutoff=0.6)
    close = close or [name for name in known if {*name.split("_")} & {*word.lower().split("_")}][:3]
    return f"Did you mean {' or '.join(map(repr, close))}? " if close else ""


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
    >>> settings_from(["rows=5k", "data_may_leave=no", "model_languages=en, de", "target="])
    {'rows': 5000, 'data_may_leave': False, 'model_languages': ('en', 'de'), 'target': None}
    """
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
                _all_settings(Facts),
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
        Where a key is unknown, names a model (which would have to be read), or a value is not allowed.
    """
    if names := [key for key in ("model", "models") if key in values]:
        raise SettingError(
            f"{where} cannot set {names[0]}: no model is read by it",
            "Name the model with --model, or as `models` in the brief.",
        )
    # Which metrics there are hangs on the task, which may be said elsewhere: putting the facts together checks that.
    supposed = {} if "task" in values else {"task": task_of(values.get("metric"))}
    checked = _checked(Facts, {**supposed, **values}, where)
    # One setting may say another: `gpu=none` is a gpu_memory_gb of 0.
    return {key: getattr(checked, key) for key in (*values, *sorted(checked.model_fields_set - {*values, *supposed}))}
