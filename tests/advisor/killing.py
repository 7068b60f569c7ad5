"""A process that forks probes and kills them: run as a program, it prints when it hit them, as JSON.

What they import is imported once; a fork then begins to measure at once, and a kill at a random moment hits the work
itself rather than the imports.
"""

from __future__ import annotations

import contextlib
import gc
import importlib
import json
import os
import random
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Generator, Iterable
from pathlib import Path
from typing import Any

Waiting = Generator[None, None, Any]


def fork(ask: dict[str, Any], folder: Path) -> int:
    """Begin or go on with a run in a process of its own, with a cache of its own; return its number."""
    child = os.fork()
    if child:
        return child
    code = 1
    try:
        from advisor.api import probe

        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, 1)
        os.dup2(nowhere, 2)
        cache = folder.with_suffix(".cache")
        if not cache.exists():
            shutil.copytree(ask["cache"], cache)
        os.environ["ADVISOR_CACHE"] = str(cache)
        resume = (folder / "request.json").exists()
        probe(run=folder, resume=resume, budget=None, **ask["request"])
        folder.with_suffix(".modules").write_text(json.dumps(sorted(sys.modules)), encoding="utf-8")
        code = 0
    except BaseException:
        folder.with_suffix(".error").write_text(traceback.format_exc(), encoding="utf-8")
    finally:
        os._exit(code)


def ended(folder: Path, child: int, seconds: float = float("inf")) -> Waiting:
    """Wait for a process, and kill it where it takes longer; return whether it was killed."""
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        done, status = os.waitpid(child, os.WNOHANG)
        if done:
            break
        yield
    else:
        os.kill(child, signal.SIGKILL)
        status = os.waitpid(child, 0)[1]
    if not os.WIFSIGNALED(status) and os.waitstatus_to_exitcode(status) != 0:
        raise RuntimeError(folder.with_suffix(".error").read_text(encoding="utf-8"))
    return os.WIFSIGNALED(status)


def disturbed(ask: dict[str, Any], folder: Path, waits: Iterable[float]) -> Waiting:
    """Kill a run after so many seconds each time and go on with it; return how often it was hit."""
    hits = 0
    for seconds in waits:
        hits += yield from ended(folder, fork(ask, folder), seconds)
    yield from ended(folder, fork(ask, folder))
    return hits


def at_once(jobs: int, runs: dict[str, Waiting]) -> dict[str, Any]:
    """Let so many runs go on side by side; return what each returned."""
    waiting, going, returned = dict(runs), dict[str, Waiting](), dict[str, Any]()
    while waiting or going:
        while waiting and len(going) < jobs:
            name = next(iter(waiting))
            going[name] = waiting.pop(name)
        for name, run in list(going.items()):
            try:
                next(run)
            except StopIteration as stop:
                returned[name] = stop.value
                del going[name]
        time.sleep(0.003)
    return returned


def main(ask: dict[str, Any]) -> dict[str, Any]:
    """Run twice undisturbed, then with kills: some runs once, anywhere, others again and again."""
    folder = Path(ask["folder"])
    at_once(1, {"first": disturbed(ask, folder / "first", ())})
    for name in json.loads((folder / "first.modules").read_text(encoding="utf-8")):
        with contextlib.suppress(Exception):
            importlib.import_module(name)
    gc.collect()
    gc.freeze()
    begun = time.monotonic()
    at_once(1, {"second": disturbed(ask, folder / "second", ())})
    whole = time.monotonic() - begun
    draw = random.Random(ask["seed"])
    plans = {f"single-{i}": [draw.uniform(0, whole)] for i in range(ask["singles"])}
    for i in range(ask["chains"]):
        plans[f"chain-{i}"] = [draw.uniform(0, whole / 4) for _ in range(ask["links"])]
    hits = at_once(ask["jobs"], {name: disturbed(ask, folder / name, waits) for name, waits in plans.items()})
    while sum(hits.values()) < ask["least"] and len(hits) < 2 * ask["least"]:  # the machine became faster meanwhile
        name = f"more-{len(hits)}"
        hits |= at_once(1, {name: disturbed(ask, folder / name, [draw.uniform(0, whole / 2)])})
    return {"seconds": whole, "hits": hits}


if __name__ == "__main__":
    print(json.dumps(main(json.loads(sys.argv[1]))))
