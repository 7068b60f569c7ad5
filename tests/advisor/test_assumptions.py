"""What was reckoned with although nobody said it is told, once, where it mattered, by every verb that advises."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest

from advisor.assumptions import assumed
from advisor.brief import Brief
from advisor.cli.app import main
from advisor.facts import Facts, gather

TASK = "Taken as text classification, because the task was not said; set task to change it."
OPENING = "Assumed, because nobody said: "
SAID = {"task": "text-classification"}
HERE = {"device": "cpu", "memory_bytes": 25_280_000_000}


def document(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    with pytest.raises(SystemExit) as stopped:
        main([*map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    assert stopped.value.code == 0, err
    found: dict[str, Any] = json.loads(out)
    return found


@pytest.mark.parametrize(
    ("known", "told"),
    [
        ({}, TASK),
        ({"task": "code"}, None),
        (SAID, None),
        ({**SAID, "rows": 500}, "70% of the rows to train on (train_share)."),
        ({**SAID, "rows": 500, "train_share": 0.9}, None),
        ({**SAID, "gpu": "T4"}, "one GPU (gpus)."),
        ({**SAID, "gpu_memory_gb": 24}, "one GPU (gpus)."),
        ({**SAID, "gpu": "T4", "gpus": 1}, None),
        ({**SAID, "gpu_memory_gb": 0}, None),
        ({**SAID, "gpu": "T4", "gpus": 1, "model_parameters": 10**8}, None),
        ({**SAID, "gpu": "T4", "gpus": 1, "model_parameters": 10**10}, "64 GB of main memory."),
        ({**SAID, "gpu_memory_gb": 0, "model_parameters": 10**8}, "64 GB of main memory."),
        ({**SAID, "gpu_memory_gb": 0, "model_parameters": 10**8, "memory_bytes": 8 * 10**9}, None),
        ({**SAID, **HERE}, "this machine: CPU, 25.3 GB of main memory (gpu)."),
        (
            {**SAID, **HERE, "rows": 9},
            "this machine: CPU, 25.3 GB of main memory (gpu), 70% of the rows to train on (t",
        ),
        (
            {**SAID, "device": "cuda", "device_name": "Tesla T4", "memory_bytes": 16 * 10**9},
            "this machine: Tesla T4, 16 GB",
        ),
        ({**SAID, **HERE, "gpu_memory_gb": 0}, None),
        ({**SAID, **HERE, "gpu": "T4", "gpus": 1}, None),
        ({**SAID, **HERE, "rows_read": True}, None),  # rows were read: it is measured there
        ({**SAID, "rows": 9, "gpu": "T4"}, "one GPU (gpus), 70% of the rows to train on (train_share)."),
    ],
)
def test_what_was_supposed_is_told_where_it_mattered(known: dict[str, Any], told: str | None) -> None:
    found = assumed(Facts.model_validate(known))
    assert len(found) == (told is not None)
    if told is not None:
        assert found[0].startswith(told if told == TASK else OPENING + told)


def test_what_is_varied_or_read_by_no_rule_is_not_supposed() -> None:
    facts = Facts(rows=500, gpu="T4")
    assert assumed(facts, varied=["task", "gpus", "train_share"]) == ()
    assert assumed(facts, rules=()) == ()
    here = Facts.model_validate({**SAID, **HERE})
    assert assumed(here, varied=["gpu_memory_gb"]) == assumed(here, varied=["gpu"]) == assumed(here, rules=()) == ()


def test_what_the_rows_say_is_not_supposed(make_facts: Any) -> None:
    assert assumed(make_facts(brief={"task": "text-classification"})) == ()
    assert assumed(gather(Brief(task="text-classification"), changes={"train_share": 0.8, "rows": 100})) == ()


def test_every_verb_that_advises_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "brief.yaml"
    file.write_text("rows: 900\nclasses: 3\ngpu: none\n", encoding="utf-8")
    share = f"{OPENING}70% of the rows to train on (train_share)."
    for arguments in (["recommend", "--brief", file], ["explain", file], ["whatif", file, "--vary", "classes=2:9"]):
        found = document(capsys, *arguments)
        notes = (found["models"][0] if "models" in found else found)["notes"]
        assert notes[:2] == [TASK, share]
        with pytest.raises(SystemExit):
            main([str(argument) for argument in arguments])
        page = " ".join(capsys.readouterr().out.split())
        assert page.count(f"• {TASK}") == 1
        assert page.count(f"• {share}") == 1
    assert document(capsys, "whatif", file, "--vary", "task=code,extraction")["notes"] == [share]
    file.write_text("task: text-classification\nrows: 900\ngpu: none\n", encoding="utf-8")
    assert document(capsys, "recommend", "--brief", file)["notes"][0] == share
    assert document(capsys, "explain", file, "--set", "train_share=.8")["models"][0]["notes"] == []


def test_a_machine_that_nobody_named_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "brief.yaml"
    file.write_text("task: text-classification\n", encoding="utf-8")
    for arguments in (["recommend", "--brief", file], ["explain", file], ["whatif", file, "--vary", "classes=2:9"]):
        found = document(capsys, *arguments)
        note = (found["models"][0] if "models" in found else found)["notes"][0]
        assert re.match(rf"{OPENING}this machine: .+ GB( of main memory)? \(gpu\)", note)
    (tmp_path / "rows.csv").write_text(
        "text,label\n" + "".join(f"row {k},{k % 2}\n" for k in range(60)), encoding="utf-8"
    )
    found = document(capsys, "recommend", "--data", tmp_path / "rows.csv", "--brief", file)
    assert not [note for note in found["notes"] if "this machine" in note]
    assert "gpu_memory_gb" not in {unknown["fact"] for unknown in found["unknowns"]}
