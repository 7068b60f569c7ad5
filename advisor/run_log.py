"""`run.log` of a run folder: what happened when, one line an event, there also after a kill."""

from __future__ import annotations

import contextlib
import os
from datetime import UTC, datetime
from pathlib import Path
from types import TracebackType
from typing import IO, Self

from advisor.events import Event, Progressed
from advisor.sentences import sentence
from probes.errors import SettingError

LOG = "run.log"


class RunLog:
    """A listener that appends events to the log of a run, each with the time in UTC; a context manager.

    Each line is handed to the system at once. How far a running measurement has come is not kept. What is written are
    the sentences of events (`advisor.sentences`): nothing of the environment, and no settings of the process.

    A disk that becomes full must not end the run through its log: writing stops then, and the ledger of the run says
    what is wrong.

    Parameters
    ----------
    folder : Path
        The run folder, which exists.
    resumed : bool
        Whether this goes on with a run that began earlier.

    Raises
    ------
    SettingError
        On entering, if the file cannot be opened.

    Examples
    --------
    >>> import tempfile
    >>> from advisor.events import Said
    >>> with tempfile.TemporaryDirectory() as folder:
    ...     with RunLog(Path(folder)) as log:
    ...         log(Said("comparing"))
    ...     [line.split(maxsplit=1)[1] for line in (Path(folder) / LOG).read_text().splitlines()]
    ['begun', 'said comparing', 'ended']
    """

    def __init__(self, folder: Path, *, resumed: bool = False) -> None:
        self._file = folder / LOG
        self._resumed = resumed
        self._stream: IO[bytes] | None = None

    def __enter__(self) -> Self:
        try:
            torn = _is_torn(self._file)
            # Unbuffered: a line is with the system when the call returns, so that a kill loses none.
            self._stream = self._file.open("ab", buffering=0)
        except OSError as error:
            raise SettingError(
                f"{self._file} cannot be written ({error.strerror})", "Make it writable, or give another --run."
            ) from None
        if torn:
            self._append(b"\n")
        self._write("resumed" if self._resumed else "begun")
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        # Only the name of what ended it: its message may hold what libraries put there, such as signed addresses.
        interrupted = kind is not None and issubclass(kind, KeyboardInterrupt)
        self._write("ended" if kind is None else "interrupted" if interrupted else f"ended by {kind.__name__}")
        self._close()

    def __call__(self, event: Event) -> None:
        """Append an event."""
        if not isinstance(event, Progressed):
            self._write(f"{type(event).__name__.lower()} {sentence(event)}")

    def _write(self, text: str) -> None:
        now = datetime.now(UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
        self._append(f"{now} {text}\n".encode())

    def _append(self, line: bytes) -> None:
        if self._stream is not None:
            try:
                self._stream.write(line)
            except OSError:
                self._close()

    def _close(self) -> None:
        if self._stream is not None:
            with contextlib.suppress(OSError):
                self._stream.close()
            self._stream = None


def _is_torn(file: Path) -> bool:
    """Whether the last line has no end: a kill or a full disk cut it short."""
    if not file.is_file() or file.stat().st_size == 0:
        return False
    with file.open("rb") as stream:
        stream.seek(-1, os.SEEK_END)
        return stream.read(1) != b"\n"
