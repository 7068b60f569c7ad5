"""The run folder: everything needed to resume or audit a run; every finished measurement is on disk.

::

    request.json         what was asked, and the fingerprint of the rows
    brief.json           what the user wants and can spend
    facts.json           brief, profile, model facts and hardware, one entry a model
    advice.json          what the rules said before anything was measured
    ledger.jsonl         one line a finished trial or measurement, and one a judgement on who goes on; appended, synced
    choices.json         threads and precision, so that a resumed run computes as it began
    run.log              what happened when, one line an event, times in UTC; a resumed run goes on with it
    workers.log          what libraries printed in worker processes, with --jobs
    failures.log         tracebacks of candidates that failed, if any did
    verdicts.json        what the measurements said of each candidate
    recommendation.json  the candidate chosen
    config.yaml          the training config of the recommendation
    result.json          all of it, as `advisor probe --json` and `advisor report --json` print it
    .lock                held by the one process that writes

Documents appear whole or not at all, and a last line of the ledger that was cut short is dropped; so a process may be
killed at any moment, and the run gone on with. A folder that cannot be written ends the run with what is kept in it.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from probes.errors import AdvisorError, SettingError
from probes.files import disk_is_full, user_path, write_text
from probes.measurement import Measurement, Trial
from strategies import Candidate

LEDGER = "ledger.jsonl"
REQUEST = "request.json"
LOCK = ".lock"
T = TypeVar("T", bound=BaseModel)


@dataclass(frozen=True)
class Recorded:
    """A finished measurement as the ledger has it."""

    measurement: Measurement
    stage: tuple[int, int] | None
    """See `advisor.plan.Stage`."""


@dataclass(frozen=True)
class Judged:
    """A judgement on who goes on, by all measurements before it in the ledger."""

    dropped: Mapping[Candidate, str]
    """Who does not, and why."""


def default_folder(source: str) -> Path:
    """Return `advisor-runs/<name of the rows>-<date and time>`, free at this moment."""
    stem = re.sub(r"[^\w-]+", "-", Path(source).name.split(".")[0]).strip("-")[:80] or "rows"
    base = Path("advisor-runs") / f"{stem}-{datetime.now().astimezone():%Y%m%d-%H%M%S}"
    candidate, n = base, 1
    while candidate.exists():
        n += 1
        candidate = base.with_name(f"{base.name}-{n}")
    return candidate


class Run:
    """A run folder, opened for writing by one process at a time.

    Parameters
    ----------
    folder : Path
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._lock: Any = None

    @classmethod
    def create(cls, folder: Path) -> Run:
        """Make a new run folder; refuse one that holds a run already."""
        folder = user_path(folder)
        if folder.is_file():
            raise SettingError(f"--run {folder} is a file", "Give a folder that is new or empty.")
        run = cls(folder)
        try:
            run._refuse_taken()
            if folder.is_dir() and not all(file.name == LOCK or _unfinished(file) for file in folder.iterdir()):
                raise SettingError(
                    f"--run {folder} is not empty and holds no run", "Give a folder that is new or empty."
                )
            folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise SettingError(
                f"--run {folder} cannot be made ({error.strerror})", "Give another folder: --run DIR."
            ) from None
        return run

    @classmethod
    def open(cls, folder: Path) -> Run:
        """Open an existing run folder."""
        folder = user_path(folder)
        if not (folder / REQUEST).is_file():
            known = sorted(str(p.parent) for p in Path("advisor-runs").glob("*/request.json"))
            hint = f" Runs here: {', '.join(known[-3:])}." if known else ""
            raise SettingError(
                f"{folder} holds no run (no request.json)", f"Give a folder that `advisor probe` wrote.{hint}"
            )
        return cls(folder)

    def lock(self) -> Any:
        """Return a lock held while a process writes to this run; what a killed one had half written is removed."""
        from filelock import FileLock, Timeout

        if self._lock is not None and self._lock.is_locked:
            return self._lock
        self._lock = FileLock(self.folder / LOCK)
        with self._writing():
            try:
                self._lock.acquire(timeout=0)
            except Timeout:
                raise SettingError(
                    f"{self.folder} is being written by another process", "Wait for it to end, or give another --run."
                ) from None
            for file in filter(_unfinished, self.folder.iterdir()):
                file.unlink(missing_ok=True)
        return self._lock

    def begin(self, asked: dict[str, Any]) -> None:
        """Take a new folder for this process and write what was asked; only then is it a run."""
        lock = self.lock()
        try:
            self._refuse_taken()
            self.write(REQUEST, asked)
        except BaseException:
            lock.release()
            raise

    def write(self, name: str, content: BaseModel | dict[str, Any] | list[Any]) -> None:
        """Write one JSON document of the run, whole or not at all."""
        plain = content.model_dump(mode="json") if isinstance(content, BaseModel) else content
        self.write_text(name, json.dumps(plain, indent=2, ensure_ascii=False, allow_nan=False) + "\n")

    def write_text(self, name: str, text: str) -> None:
        """Write one text of the run, whole or not at all."""
        with self._writing():
            write_text(self.folder / name, text)

    def remove(self, *names: str) -> None:
        """Remove documents of the run, where they are there."""
        with self._writing():
            for name in names:
                (self.folder / name).unlink(missing_ok=True)

    def read(self, name: str) -> Any:
        """Read one JSON document of the run."""
        file = self.folder / name
        try:
            return json.loads(file.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise SettingError(
                f"{self.folder} has no {name}: the run has not come that far",
                f"Finish it with `advisor probe --resume --run {self.folder}`.",
            ) from None
        except OSError as error:
            raise SettingError(f"{file} cannot be read ({error.strerror})", "Check whose file it is.") from None
        except (json.JSONDecodeError, UnicodeDecodeError) as error:
            raise SettingError(f"{file} is not valid JSON ({error})", "Restore it or start a new run.") from None

    def has(self, name: str) -> bool:
        """Whether the run holds this document."""
        return (self.folder / name).is_file()

    def record_trial(self, strategy: str, model: str | None, seed: int, trial: Trial) -> None:
        """Append a finished trial."""
        self._append(
            {
                "kind": "trial",
                "strategy": strategy,
                "model": model,
                "seed": seed,
                "trial": trial.model_dump(mode="json"),
            }
        )

    def record(self, measurement: Measurement, stage: tuple[int, int] | None = None) -> None:
        """Append a finished measurement, and the stage of the ladder it was part of."""
        self._append({"kind": "measurement", "stage": stage, "measurement": measurement.model_dump(mode="json")})

    def record_judgement(self, dropped: Mapping[Candidate, str]) -> None:
        """Append who was dropped, and why, when all measured so far were compared."""
        listed = [{"candidate": who.model_dump(mode="json"), "reason": why} for who, why in dropped.items()]
        self._append({"kind": "judgement", "dropped": listed})

    def note_failure(self, candidate: object, trace: str) -> None:
        """Append the traceback of a candidate that failed to `failures.log`."""
        # The verdict has the reason; a log that cannot be written is none to end the run for.
        with contextlib.suppress(OSError), (self.folder / "failures.log").open("a", encoding="utf-8") as log:
            log.write(f"{candidate}\n{trace}\n")

    def history(self) -> list[Recorded | Judged]:
        """Return the finished measurements and the judgements between them, oldest first."""
        found: list[Recorded | Judged] = []
        for entry in self._entries():
            if entry.get("kind") == "measurement":
                stage = entry.get("stage")
                measurement = self.parse(Measurement, entry.get("measurement"), LEDGER)
                found.append(Recorded(measurement, None if stage is None else (int(stage[0]), int(stage[1]))))
            elif entry.get("kind") == "judgement":
                listed = entry.get("dropped") or []
                found.append(Judged({self.parse(Candidate, e["candidate"], LEDGER): e["reason"] for e in listed}))
        return found

    def trials(self, strategy: str, model: str | None, seed: int, train_rows: int) -> dict[str, Trial]:
        """Return the finished trials of a measurement, by setting."""
        found = {}
        for entry in self._entries():
            whose = tuple(entry.get(key) for key in ("strategy", "model", "seed"))
            if entry.get("kind") == "trial" and whose == (strategy, model, seed):
                trial = self.parse(Trial, entry.get("trial"), LEDGER)
                if trial.train_rows == train_rows:
                    found[trial.setting] = trial
        return found

    def _append(self, entry: dict[str, Any]) -> None:
        line = json.dumps(entry, ensure_ascii=False, allow_nan=False).encode("utf-8") + b"\n"
        file = self.folder / LEDGER
        with self._writing():
            _drop_broken_end(file)
            with file.open("ab") as stream:
                stream.write(line)
                stream.flush()
                os.fsync(stream.fileno())

    def _entries(self) -> Iterator[dict[str, Any]]:
        file = self.folder / LEDGER
        if not file.is_file():
            return
        for number, line in enumerate(file.read_bytes().split(b"\n")[:-1], start=1):
            # A line that a kill cut short has no end and is not among these.
            try:
                entry = json.loads(line)
            except ValueError:
                entry = None
            if not isinstance(entry, dict):
                raise SettingError(f"{file}, line {number} is broken", "Remove that line or start a new run.")
            yield entry

    def _refuse_taken(self) -> None:
        """Refuse to begin where a run has begun."""
        if (self.folder / REQUEST).exists():
            raise SettingError(
                f"--run {self.folder} holds a run already",
                "Go on with it by adding --resume, or give another folder.",
            )

    @contextlib.contextmanager
    def _writing(self) -> Iterator[None]:
        """Say in one message what a folder that cannot be written means for the run."""
        try:
            yield
        except OSError as error:
            got = f"{self.folder} cannot be written ({error.strerror or error})"
            if not self.has(REQUEST):
                raise SettingError(f"{got}; nothing was measured", "Make room there, or give another --run.") from None
            mend = "Make room there" if disk_is_full(error) else "Make it writable, or copy it to a place that is"
            raise SettingError(
                f"{got}; {self._kept()}",
                f"{mend}, then go on with it: `advisor probe --resume --run {self.folder}`.",
            ) from None

    def _kept(self) -> str:
        """Say how much the ledger holds."""
        kinds: list[object] = []
        with contextlib.suppress(AdvisorError, OSError):
            kinds.extend(entry.get("kind") for entry in self._entries())
        count = kinds.count("measurement")
        return f"finished measurements kept in it: {count:,}"

    def parse(self, kind: type[T], value: object, name: str) -> T:
        """Return what a document of the run holds as the type it was written from."""
        try:
            return kind.model_validate(value)
        except ValidationError as error:
            first = error.errors()[0]
            raise SettingError(
                f"{self.folder / name} holds what this version cannot read "
                f"({': '.join(filter(None, ('.'.join(map(str, first['loc'])), first['msg'])))})",
                "Start a new run.",
            ) from None


def _unfinished(file: Path) -> bool:
    """Whether a file is one that `probes.files.atomic` had not yet put into its place."""
    return file.name.startswith(".") and file.name.endswith(".part")


def _drop_broken_end(file: Path) -> None:
    """Cut off a last line that a kill left without its end."""
    if not file.is_file() or file.stat().st_size == 0:
        return
    with file.open("rb+") as stream:
        stream.seek(-1, os.SEEK_END)
        if stream.read(1) == b"\n":
            return
        stream.seek(0)
        content = stream.read()
        stream.truncate(content.rfind(b"\n") + 1)
