"""Paths as users write them, and files that appear whole or not at all."""

from __future__ import annotations

import contextlib
import errno
import os
import reprlib
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import IO

from probes.errors import AdvisorError, InputError, MeasurementFailed, SettingError

FULL = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}
"""What the system says where a disk, a quota or the largest file allowed is full."""

FULL_WORDS = ("No space left", "os error 28", "PytorchStreamWriter failed", "requested and 0 written")
"""The same in the words of libraries that hide it: safetensors', torch's, numpy's."""


def user_path(text: str | Path, error: type[InputError] = SettingError) -> Path:
    """Return the path a user means, its `~` expanded, once it is certain that the system can be asked about it.

    Parameters
    ----------
    text : str or Path
        What the user wrote; nothing need exist there.
    error : type of InputError
        What to raise: the kind of thing the path was given for.

    Raises
    ------
    InputError
        Where there is no such home folder, or the system refuses the question: a name too long, a folder that may not
        be entered, a loop of links.

    Examples
    --------
    >>> user_path("nowhere/rows.csv").name
    'rows.csv'
    """
    shown = reprlib.repr(str(text))
    try:
        path = Path(text).expanduser()
    except RuntimeError:
        raise error(f"{shown}: no home folder is known for this ~", "Write the path in full.") from None
    try:
        path.stat()
    except (FileNotFoundError, NotADirectoryError):
        return path
    except (OSError, ValueError) as why:
        reason = getattr(why, "strerror", None) or str(why)
        raise error(f"{shown} cannot be read as a path: {reason}", "Check the path.") from None
    return path


@contextlib.contextmanager
def atomic(path: Path) -> Iterator[IO[bytes]]:
    """Open a file for writing that takes the place of `path` when the block ends, and vanishes if it fails.

    Examples
    --------
    >>> folder = Path(tempfile.mkdtemp())
    >>> with atomic(folder / "a.txt") as file:
    ...     _ = file.write(b"whole")
    >>> (folder / "a.txt").read_text()
    'whole'
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.NamedTemporaryFile(dir=path.parent, prefix=f".{path.name}.", suffix=".part", delete=False) as part:
        try:
            yield part
            part.flush()
            os.fsync(part.fileno())
            part.close()
            umask = os.umask(0)
            os.umask(umask)
            Path(part.name).chmod(0o666 & ~umask)  # as a plain open() would have made it
            Path(part.name).replace(path)
        except BaseException:
            Path(part.name).unlink(missing_ok=True)
            raise


def disk_is_full(error: BaseException | None) -> bool:
    """Whether an exception, or one that caused it, says that a disk is full.

    Examples
    --------
    >>> [disk_is_full(OSError(number, "refused")) for number in (errno.ENOSPC, errno.EDQUOT, errno.ENOENT)]
    [True, True, False]
    """
    while error is not None:
        if isinstance(error, OSError) and error.errno in FULL:
            return True
        if any(word in str(error) for word in FULL_WORDS):
            return True
        error = error.__cause__ or error.__context__
    return False


@contextlib.contextmanager
def full_disk_is_an_outcome(folder: Path) -> Iterator[None]:
    """Turn a full disk into an outcome of the measurement.

    Parameters
    ----------
    folder : Path
        Where the body writes.

    Raises
    ------
    MeasurementFailed
        Where the disk is full.
    """
    try:
        yield
    except AdvisorError:
        raise
    except Exception as error:
        if not disk_is_full(error):
            raise
        said = " ".join(str(error).split())[:200]
        raise MeasurementFailed(
            f"the disk is full at {folder} ({said}); make room there, or name another folder in TMPDIR"
        ) from error


def write_text(path: Path, text: str) -> None:
    """Write a text file, UTF-8, whole or not at all."""
    with atomic(path) as file:
        file.write(text.encode("utf-8"))
