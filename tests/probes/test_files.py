"""Files appear whole or not at all."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from probes.errors import DataError, InputError, ModelError, SettingError
from probes.files import atomic, user_path, write_text


def test_a_file_appears_with_its_folders_and_ordinary_rights(tmp_path: Path) -> None:
    target = tmp_path / "a" / "b" / "file.txt"
    write_text(target, "grüße\r\nend\n")
    assert target.read_bytes() == "grüße\r\nend\n".encode()
    plain = tmp_path / "plain"
    plain.touch()
    assert target.stat().st_mode == plain.stat().st_mode
    assert [f.name for f in target.parent.iterdir()] == ["file.txt"]


def test_a_failure_leaves_the_old_file_and_nothing_else(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    write_text(target, "old")
    for error in (ValueError, KeyboardInterrupt):
        with pytest.raises(error), atomic(target) as file:
            file.write(b"half")
            raise error
    assert target.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [target]


def test_what_cannot_be_replaced_leaves_nothing_either(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    with pytest.raises(OSError):
        write_text(tmp_path / "folder", "text")
    assert [f.name for f in tmp_path.iterdir()] == ["folder"]


def test_readers_see_the_old_or_the_new_file(tmp_path: Path) -> None:
    target = tmp_path / "file.txt"
    write_text(target, "old")
    with atomic(target) as file:
        file.write(b"new")
        file.flush()
        os.fsync(file.fileno())
        assert target.read_text(encoding="utf-8") == "old"
    assert target.read_text(encoding="utf-8") == "new"


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("~nosuchuser/rows.csv", "no home folder is known"),
        ("n" * 300, "too long"),
        ("a\0b", "null byte"),
    ],
)
@pytest.mark.parametrize("error", [DataError, ModelError, SettingError])
def test_a_path_that_cannot_be_asked_about_is_bad_input(text: str, says: str, error: type[InputError]) -> None:
    with pytest.raises(error, match=says) as refused:
        user_path(text, error)
    assert len(refused.value.got) < 120


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="root may enter every folder")
def test_a_folder_that_may_not_be_entered_is_bad_input(tmp_path: Path) -> None:
    closed = tmp_path / "closed"
    closed.mkdir(mode=0o000)
    with pytest.raises(SettingError, match="Permission denied"):
        user_path(closed / "rows.csv")


def test_a_tilde_is_the_home_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("HOME", str(tmp_path))
    assert user_path("~/rows.csv") == tmp_path / "rows.csv"
    assert user_path(Path("~")) == tmp_path
