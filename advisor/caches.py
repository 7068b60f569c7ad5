"""What is remembered between runs on this machine: profiles, features and measured speeds, all safe to delete."""

from __future__ import annotations

import contextlib
import functools
import hashlib
import json
import os
import time
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

import probes
from probes.files import write_text

T = TypeVar("T", bound=BaseModel)


def cache_folder() -> Path:
    """Return the cache folder: `$ADVISOR_CACHE`, else `transfer-advisor` below the user's cache folder."""
    if chosen := os.environ.get("ADVISOR_CACHE"):
        return Path(chosen)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "transfer-advisor"


def key_of(*parts: object) -> str:
    """Return a file name that stands for these parts.

    Examples
    --------
    >>> key_of("a", 1) == key_of("a", 1), key_of("a", 1) == key_of("a", 2)
    (True, False)
    """
    return hashlib.sha256(json.dumps(parts, sort_keys=True, default=str).encode()).hexdigest()[:32]


@functools.cache
def code_of_probes() -> str:
    """Return a digest of every module of `probes`: what they computed holds while this does.

    The whole package, so that nobody need keep a list of what depends on what; it takes a few milliseconds.
    """
    digest = hashlib.sha256()
    for module in sorted(Path(probes.__file__).parent.glob("*.py")):
        digest.update(f"\0{module.name}\0".encode() + module.read_bytes())
    return digest.hexdigest()


def load(kind: type[T], folder: str, key: str, *, hours: float = float("inf")) -> T | None:
    """Return what is remembered under this key and no older than that; None where nothing readable is."""
    file = cache_folder() / folder / f"{key}.json"
    with contextlib.suppress(OSError, ValidationError):
        if time.time() - file.stat().st_mtime > 3600 * hours:
            return None
        return kind.model_validate_json(file.read_bytes())
    return None


def store(content: BaseModel, folder: str, key: str) -> None:
    """Remember a document; a cache that cannot be written is no reason to stop."""
    with contextlib.suppress(OSError):
        write_text(cache_folder() / folder / f"{key}.json", content.model_dump_json() + "\n")
