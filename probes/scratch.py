"""Temporary folders: a full disk below them is an outcome, and what killed processes left in their place is removed."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
import uuid
from collections.abc import Iterator
from pathlib import Path

from probes.files import full_disk_is_an_outcome
from probes.signals import held_back

PREFIX = "advisor-tuning-"


@contextlib.contextmanager
def scratch_folder() -> Iterator[Path]:
    """Make a folder that lasts as long as the block.

    Each has a lock beside it, taken before it is made and held until it is gone. A process that is killed lets go of
    its locks; folders whose lock is free, and free locks without a folder, are what it left, and are removed here.

    Raises
    ------
    MeasurementFailed
        Where the disk is full.

    Examples
    --------
    >>> with scratch_folder() as folder:
    ...     there = folder.is_dir()
    >>> there, folder.exists()
    (True, False)
    """
    root = Path(tempfile.gettempdir())
    _remove_orphans(root)
    with full_disk_is_an_outcome(root), _locked_name(root) as folder:
        try:
            folder.mkdir(mode=0o700)
            yield folder
        finally:
            # A deadline's alarm repeats, and half a clean-up would leave a lock behind.
            with held_back("SIGALRM"):
                shutil.rmtree(folder, ignore_errors=True)
                _lock_of(folder).unlink(missing_ok=True)


@contextlib.contextmanager
def _locked_name(root: Path) -> Iterator[Path]:
    """Hold the lock of a new name; where another process tidied it away before it was taken, of another one."""
    from filelock import FileLock, Timeout

    while True:
        folder = root / f"{PREFIX}{uuid.uuid4().hex}"
        lock = FileLock(_lock_of(folder))
        try:
            lock.acquire(timeout=0)
        except Timeout:
            continue
        try:
            if _lock_of(folder).exists():
                yield folder
                return
        finally:
            lock.release()


def _lock_of(folder: Path) -> Path:
    return folder.with_name(f"{folder.name}.lock")


def _remove_orphans(root: Path) -> None:
    """Remove the folders of processes that are no more; those of other users are none of our business."""
    from filelock import FileLock, Timeout

    user = os.getuid() if hasattr(os, "getuid") else None
    for found in root.glob(f"{PREFIX}*"):
        folder = found.with_suffix("")
        with contextlib.suppress(OSError, Timeout):
            if found.is_symlink() or (user is not None and found.stat().st_uid != user):
                continue
            with FileLock(_lock_of(folder), timeout=0):
                shutil.rmtree(folder, ignore_errors=True)
                _lock_of(folder).unlink(missing_ok=True)
