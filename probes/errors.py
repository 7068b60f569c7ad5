"""The exceptions of the project, in one tree.

::

    AdvisorError
    ├── InputError            the user can mend it: exit code 2, one message, no traceback
    │   ├── DataError         a file of rows, one of its rows, or its columns
    │   ├── ModelError        a model that is missing, unsafe or of the wrong kind
    │   └── SettingError      a flag, a brief, a config or a run folder
    ├── MeasurementFailed     one measurement did not work: its candidate is NOT_MEASURED, the run goes on
    │   └── OutOfMemory       memory ran out; fewer rows at a time may still fit
    └── OutOfTime             the wall-clock budget is spent: what was not finished is NOT_MEASURED

A message of an `InputError` says what was got, what is allowed and what to do.
"""

from __future__ import annotations


class AdvisorError(Exception):
    """The root of everything this project raises on purpose."""


class InputError(AdvisorError):
    """Something the user gave cannot be used.

    Parameters
    ----------
    got : str
        What was found, with the file and the row where there is one.
    remedy : str
        What is allowed and what to do; a sentence the user can act on.

    Examples
    --------
    >>> print(InputError("rows.csv has no rows", "Give a file with a header and at least two labelled rows."))
    rows.csv has no rows
      → Give a file with a header and at least two labelled rows.
    """

    def __init__(self, got: str, remedy: str) -> None:
        super().__init__(f"{got}\n  → {remedy}")
        self.got = got
        self.remedy = remedy

    def __reduce__(self) -> tuple[type[InputError], tuple[str, str]]:
        # A worker process hands it to the one that tells the user.
        return type(self), (self.got, self.remedy)


class DataError(InputError):
    """A file of rows, one of its rows, or its columns."""


class ModelError(InputError):
    """A model that is missing, unsafe or of the wrong kind."""


class SettingError(InputError):
    """A flag, a brief, a config or a run folder."""


class MeasurementFailed(AdvisorError):  # noqa: N818 - it is an outcome, not a mistake of the user
    """One measurement did not work; the message says which and why."""


RAN_OUT = "memory ran out"
"""How a sentence on memory that ran out begins."""


class OutOfMemory(MeasurementFailed):
    """Memory ran out.

    Parameters
    ----------
    message : str
    rows : int or None
        Rows that were read at a time; None where fewer would not have helped.

    Examples
    --------
    >>> OutOfMemory("memory ran out at 16 rows at a time", 16).rows
    16
    """

    def __init__(self, message: str, rows: int | None = None) -> None:
        super().__init__(message)
        self.rows = rows


class OutOfTime(AdvisorError):  # noqa: N818 - it is an outcome, not a mistake of the user
    """The wall-clock budget is spent."""
