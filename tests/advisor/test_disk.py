"""Disks that are full and folders that may not be written: one clear message, and what was measured is kept."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.advisor.probe_runs import Call, essence, ledger

resource = pytest.importorskip("resource", reason="limits on files are set by POSIX systems alone")

LIGHT = "baseline,linear_probe"
FULL = Path("/dev/full")

pytestmark = pytest.mark.skipif(not FULL.exists(), reason="this system has no /dev/full")


@contextlib.contextmanager
def largest_file(size: int) -> Iterator[None]:
    """Let no file grow beyond so many bytes, as a quota would: the system refuses the rest."""
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (size, before[1]))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)


@contextlib.contextmanager
def mounted(folder: Path, *options: str) -> Iterator[Path]:
    """Mount something there for as long as the block runs; skip where that is not permitted."""
    folder.mkdir(exist_ok=True)
    program = shutil.which("mount")
    made = program and subprocess.run([program, *options, str(folder)], capture_output=True, text=True, check=False)
    if not made or made.returncode != 0:
        pytest.skip(f"nothing may be mounted here: {made.stderr.strip() if made else 'no mount'}")
    try:
        yield folder
    finally:
        subprocess.run(["umount", "--lazy", str(folder)], check=True)


@pytest.fixture
def light(rows_file: Path, tiny_encoder: Path) -> list[str]:
    return ["probe", str(rows_file), "--model", str(tiny_encoder), "--strategies", LIGHT, "--budget", "none"]


def refused(done: tuple[int, str, str], *says: str) -> str:
    """Check that a call ended with one message and nothing else."""
    code, out, err = done
    assert (code, out) == (2, ""), err
    assert "Traceback" not in err
    message = err[err.rindex("\n", 0, err.rindex("  → ") - 1) + 1 :]
    assert err.count("  → ") == 1, err
    for part in says:
        assert part in message, message
    return message


def resumed(call: Call, folder: Path) -> dict[str, Any]:
    code, out, err = call("probe", "--resume", "--run", folder, "--budget", "none", "--json")
    assert code in {0, 3}, err
    document: dict[str, Any] = json.loads(out)
    return document


def test_a_ledger_on_a_full_disk_ends_the_run_with_what_is_kept(light: list[str], call: Call, tmp_path: Path) -> None:
    whole = probed(call, [*light, "--run", str(tmp_path / "whole")])
    folder = shutil.copytree(tmp_path / "whole", tmp_path / "run")
    kept, last = ledger(folder)[:1], ledger(folder)[1:]
    assert last
    for name in ("ledger.jsonl", "verdicts.json", "result.json", "recommendation.json"):
        (folder / name).unlink()
    (folder / "ledger.jsonl").symlink_to(FULL)
    goes_on = f"--resume --run {folder}"
    refused(
        call("probe", "--resume", "--run", folder, "--budget", "none"),
        str(folder), "No space left on device", "kept in it: 0", "Make room there", goes_on,
    )  # fmt: skip
    assert not (folder / "verdicts.json").exists()
    (folder / "ledger.jsonl").unlink()
    (folder / "ledger.jsonl").write_text("".join(json.dumps(entry) + "\n" for entry in kept), encoding="utf-8")
    assert essence(resumed(call, folder)) == essence(whole)


def probed(call: Call, arguments: list[str]) -> dict[str, Any]:
    code, out, err = call(*arguments, "--json")
    assert code in {0, 3}, err
    document: dict[str, Any] = json.loads(out)
    return document


@pytest.mark.parametrize("name", ["request.json", "advice.json", "result.json"])
def test_a_disk_that_fills_up_keeps_what_was_finished(name: str, light: list[str], call: Call, tmp_path: Path) -> None:
    """Each is the largest file so far, and so the first that a limit below its size stops."""
    whole = probed(call, [*light, "--run", str(tmp_path / "whole")])
    folder = tmp_path / "run"
    with largest_file((tmp_path / "whole" / name).stat().st_size - 10):
        message = refused(call(*light, "--run", folder), str(folder), "File too large")
    left = {file.name for file in folder.iterdir() if file.stat().st_size}
    assert name not in left
    assert not any(file.endswith(".part") for file in left), "nothing half written is left"
    for file in folder.glob("*.json"):
        json.loads(file.read_text(encoding="utf-8"))
    if name == "request.json":
        assert "nothing was measured" in message
        assert essence(probed(call, [*light, "--run", str(folder)])) == essence(whole)
    else:
        assert f"kept in it: {len(ledger(tmp_path / 'whole')) if name == 'result.json' else 0}" in message
        assert f"--resume --run {folder}" in message
        assert essence(resumed(call, folder)) == essence(whole)


def test_a_full_run_folder_in_the_midst_of_a_run(light: list[str], call: Call, tmp_path: Path) -> None:
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=64k", "none") as disk:
        filler = disk / "filler"
        filler.write_bytes(b"x" * 36_000)
        message = refused(call(*light, "--run", disk / "run"), "No space left on device")
        assert f"--resume --run {disk / 'run'}" in message
        filler.unlink()
        filler = resumed(call, disk / "run")  # type: ignore[assignment]
    assert essence(filler) == essence(probed(call, [*light, "--run", str(tmp_path / "run")]))  # type: ignore[arg-type]


def test_a_feature_cache_that_is_full_costs_nothing_but_the_cache(
    light: list[str], call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    whole = probed(call, [*light, "--run", str(tmp_path / "whole")])
    cache = tmp_path / "cache"
    cache.mkdir()
    (cache / "features").write_text("a file in place of the folder", encoding="utf-8")
    monkeypatch.setenv("ADVISOR_CACHE", str(cache))
    found = probed(call, [*light, "--run", str(tmp_path / "run")])
    assert essence(found) == essence(whole)
    said = [note for note in found["notes"] if "features cannot be kept in" in note]
    assert len(said) == 1, found["notes"]
    assert str(cache) in said[0]


def test_a_full_disk_for_temporary_files_fails_the_candidate_alone(
    light: list[str], call: Call, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with mounted(tmp_path / "small", "-t", "tmpfs", "-o", "size=16k", "none") as disk:
        monkeypatch.setattr("tempfile.tempdir", str(disk))
        flags = [*light[:5], f"{LIGHT},lora,full", *light[6:], "--seeds", "1"]
        found = probed(call, [*flags, "--run", str(tmp_path / "run")])
        assert list(disk.iterdir()) == []
    verdicts = {v["strategy"]: v for v in found["verdicts"]}
    for strategy in ("lora", "full"):
        assert verdicts[strategy]["verdict"] == "NOT_MEASURED"
        assert f"the disk is full at {disk}" in verdicts[strategy]["because"]
        assert "TMPDIR" in verdicts[strategy]["because"]
    assert {m["strategy"] for m in found["measurements"]} == {"baseline", "linear_probe"}


def test_a_training_on_a_full_disk_is_refused_in_words(light: list[str], call: Call, tmp_path: Path) -> None:
    probed(call, [*light, "--run", str(tmp_path / "run")])
    code, _, err = call("emit", tmp_path / "run", "--out", tmp_path / "config.yaml")
    assert code == 0, err
    with largest_file(3_000):
        refused(call("train", tmp_path / "config.yaml", "--out", tmp_path / "model"), "full", "Make room there")


PROC = [Path("/proc/nowhere/run"), Path("/sys/run"), Path("/dev/null/run")]


@pytest.mark.parametrize("folder", PROC, ids=str)
def test_a_place_that_takes_no_folder_is_refused(folder: Path, light: list[str], call: Call) -> None:
    refused(call(*light, "--run", folder), str(folder), "--run DIR")


def test_below_a_file_there_is_no_folder(light: list[str], rows_file: Path, call: Call) -> None:
    refused(call(*light, "--run", rows_file), "is a file")
    refused(call(*light, "--run", rows_file / "run"), "cannot be made")


def test_without_a_place_for_the_default_folder_one_is_asked_for(
    light: list[str], call: Call, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir("/proc")
    refused(call(*light), "advisor-runs", "--run DIR")


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_folder_without_the_right_to_write_is_refused(light: list[str], call: Call, tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o500)
    refused(call(*light, "--run", closed), "Permission denied", "another --run")
    refused(call(*light, "--run", closed / "run"), "Permission denied")


@pytest.mark.parametrize("begun", [False, True])
def test_a_read_only_disk_is_refused(begun: bool, light: list[str], call: Call, tmp_path: Path) -> None:
    folder = tmp_path / "run"
    if begun:
        probed(call, [*light, "--run", str(folder)])
    else:
        folder.mkdir()
    with mounted(folder, "--bind", str(folder)), read_only(folder):
        before = {file.name: file.stat().st_mtime_ns for file in folder.iterdir()}
        done = call(*light, "--run", folder, *(["--resume"] if begun else []))
        refused(done, str(folder), "Read-only file system", "copy it" if begun else "another --run")
        assert {file.name: file.stat().st_mtime_ns for file in folder.iterdir()} == before
        if begun:  # it can still be read
            assert call("report", folder)[0] in {0, 3}


@contextlib.contextmanager
def read_only(folder: Path) -> Iterator[None]:
    subprocess.run(["mount", "-o", "remount,ro,bind", str(folder)], check=True)
    yield


@pytest.mark.parametrize("mine", [True, False])
def test_what_a_killed_process_left_in_the_temporary_folder_is_removed(
    mine: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filelock import FileLock

    from probes.scratch import PREFIX, scratch_folder

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left = tmp_path / f"{PREFIX}left"
    (left / "checkpoint-3").mkdir(parents=True)
    with contextlib.ExitStack() as alive:
        if mine:
            alive.enter_context(FileLock(tmp_path / f"{left.name}.lock"))
        with scratch_folder() as folder:
            (folder / "weights").touch()
            assert left.exists() is mine, "only what nobody holds is removed"
        assert not folder.exists()
    assert not list(tmp_path.glob(f"{folder.name}*"))


@pytest.mark.parametrize("held", [True, False])
def test_a_lock_without_a_folder_is_removed_too(held: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process was killed between the folder's end and the lock's; or it has only just begun, and holds it."""
    from filelock import FileLock

    from probes.scratch import PREFIX, scratch_folder

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    left = tmp_path / f"{PREFIX}left.lock"
    left.touch()
    with contextlib.ExitStack() as alive:
        if held:
            alive.enter_context(FileLock(left))
        with scratch_folder() as folder:
            assert left.exists() is held, "only what nobody holds is removed"
            assert folder.is_dir()
        assert left.exists() is held


def test_a_lock_that_was_tidied_away_before_it_was_taken_is_taken_anew(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from filelock import FileLock

    from probes.scratch import scratch_folder

    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    taken = FileLock.acquire
    names: list[str] = []

    def tidied(lock: FileLock, **options: float) -> object:
        proxy = taken(lock, **options)
        names.append(lock.lock_file)
        if len(names) == 1:
            Path(lock.lock_file).unlink()
        return proxy

    monkeypatch.setattr(FileLock, "acquire", tidied)
    with scratch_folder() as folder:
        assert len(names) == 2
        assert folder.name in names[1]
        assert Path(names[1]).exists()
    assert not list(tmp_path.iterdir())
