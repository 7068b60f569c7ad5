"""The request: what the user asked for, the same whichever of the doors (CLI, YAML, Python) it came through."""

from __future__ import annotations

import difflib
import re
from collections.abc import Callable
from typing import Any, TypeVar

from pydantic import Field, ValidationError, field_validator

from advisor.brief import Brief
from probes.base import Frozen
from probes.errors import SettingError
from strategies import CORE, NAMES

T = TypeVar("T", bound=Frozen)


class DataRequest(Frozen):
    """Which rows to read and how."""

    source: str
    """File, folder saved by `datasets`, or hub id."""
    text_column: str | None = None
    """Column with the text; None finds it by its name."""
    text_pair_column: str | None = None
    """Column with the second text of pair tasks."""
    label_column: str | None = None
    """Column with the class; None finds it by its name."""
    split_column: str | None = None
    """Column that says train, validation or test; None finds it by its name."""
    split_seed: int = 0
    """Seed of whatever part of the split is made here."""
    skip_bad_rows: bool = False
    """Whether rows without usable text are left out rather than refused."""
    drop_rare_classes: bool = False
    """Whether classes with too few rows to split are left out rather than refused."""

    def columns(self) -> dict[str, Any]:
        """Return the arguments that reading and profiling share."""
        return self.model_dump(exclude={"source", "split_seed"})


class Request(Frozen):
    """What the user asked for."""

    data: DataRequest
    models: tuple[str, ...] = ()
    """Models to adapt: alias, hub id or folder; none measures the baseline alone."""
    revision: str | None = None
    """Branch, tag or commit of the model on the hub."""
    trust_remote_code: bool = False
    brief: Brief = Brief()
    strategies: tuple[str, ...] = CORE
    """Names of the strategies to look at, lightest first; the baseline is always among them."""
    budget_seconds: float | None = Field(600.0, gt=0)
    """Wall-clock seconds; None has no limit."""
    train_rows: int | None = Field(None, ge=2)
    """Training rows to learn from at most; None takes all."""
    seeds: int | None = Field(None, ge=1, le=20)
    """Runs of each strategy whose result depends on its seed; None makes three, or five below 5,000 training rows, as
    far as the budget allows."""

    @field_validator("strategies")
    @classmethod
    def _with_baseline(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        # Without it nobody could say whether transferring anything is worth it, and it takes seconds.
        return tuple(name for name in NAMES if name in names or name == "baseline")


def checked(kind: type[T], spelled: Callable[[str], str], remedy: str, **values: Any) -> T:
    """Build a part of a request, or say in one message which argument cannot be used.

    Parameters
    ----------
    kind : type
        `Request` or `DataRequest`.
    spelled : callable
        From the name of a field to what the user calls it.
    remedy : str
        Where to read what is allowed.
    **values
        The fields.

    Raises
    ------
    SettingError

    Examples
    --------
    >>> checked(DataRequest, str, "See the docs.", source="rows.csv", text_colum="body")
    Traceback (most recent call last):
    probes.errors.SettingError: there is no argument text_colum
      → Did you mean text_column? See the docs.
    """
    try:
        return kind(**values)
    except ValidationError as error:
        first = error.errors()[0]
    name = str(first["loc"][0])
    if first["type"] == "extra_forbidden" and len(first["loc"]) == 1:
        close = difflib.get_close_matches(name, kind.model_fields, n=1)
        meant = f"Did you mean {spelled(close[0])}? " if close else ""
        raise SettingError(f"there is no argument {spelled(name)}", meant + remedy)
    raise SettingError(f"{spelled(name.removesuffix('_seconds'))} {first['input']!r}: {first['msg']}", remedy)


_UNITS = {"s": 1, "m": 60, "h": 3600, "": 1}


def parse_duration(text: str, flag: str = "--budget") -> float:
    """Return seconds from `90`, `90s`, `10m`, `1.5h` or `1h30m`.

    Examples
    --------
    >>> parse_duration("1h30m"), parse_duration("45")
    (5400.0, 45.0)
    """
    parts = re.findall(r"(\d+(?:\.\d+)?)\s*([smh]?)", text.strip().lower())
    rebuilt = re.fullmatch(r"(\d+(?:\.\d+)?\s*[smh]?\s*)+", text.strip().lower())
    seconds = sum(float(number) * _UNITS[unit] for number, unit in parts)
    if rebuilt is None or not 0 < seconds < 1e8 or (len(parts) > 1 and any(unit == "" for _, unit in parts)):
        raise SettingError(
            f"{flag} {text!r} is no duration above zero", "Write seconds, minutes or hours: 90s, 10m, 1h30m."
        )
    return seconds


def parse_budget(text: str, flag: str = "--budget") -> float | None:
    """Return the seconds of a budget; None, which has no limit, from `none`.

    Examples
    --------
    >>> parse_budget("10m"), parse_budget("none")
    (600.0, None)
    """
    return None if text.strip().lower() == "none" else parse_duration(text, flag)


def parse_strategies(text: str | None, flag: str = "--strategies", default: tuple[str, ...] = CORE) -> tuple[str, ...]:
    """Return strategy names from a comma-separated list, in the order of their lightness; `all` means every one.

    Parameters
    ----------
    text : str or None
        None takes the default.
    flag : str
        What the user calls it.
    default : tuple of str
        Those to measure, or to rank, where the user names none.

    Examples
    --------
    >>> parse_strategies("full, lora")
    ('lora', 'full')
    """
    if text is None:
        return default
    wanted = [name.strip().replace("-", "_") for name in text.split(",") if name.strip()]
    if not wanted:
        raise SettingError(f"{flag} is empty", f"Name some of: {', '.join(NAMES)}; or all.")
    if wanted == ["all"]:
        return NAMES
    for name in wanted:
        if name not in NAMES:
            close = difflib.get_close_matches(name, NAMES, n=1)
            meant = f" Did you mean {close[0]}?" if close else ""
            raise SettingError(
                f"{flag} names {name!r}, which is no strategy of this version",
                f"Allowed: {', '.join(NAMES)}; or all.{meant}",
            )
    return tuple(name for name in NAMES if name in wanted)
