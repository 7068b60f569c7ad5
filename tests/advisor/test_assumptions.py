"""What was reckoned with although nobody said it is told, once, where it mattered, by every verb that advises."""

from __future__ import annotations

import json
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
        ({**SAID, "rows": 9, "gpu": "T4"}, "one GPU (gpus), 70% of the rows to train on (train_share)."),
    ],
)
def test_what_was_supposed_is_told_where_it_mattered(known: dict[str, Any], told: str | None) -> None:
    expected = () if told is None else (told,) if told == TASK else (OPENING + told,)
    assert assumed(Facts.model_validate(known)) == expected


def test_what_is_varied_or_read_by_no_rule_is_not_supposed() -> None:
    facts = Facts(rows=500, gpu="T4")
    assert assumed(facts, varied=["task", "gpus", "train_share"]) == ()
    assert assumed(facts, rules=()) == ()


def test_what_the_rows_say_is_not_supposed(make_facts: Any) -> None:
    assert assumed(make_facts(brief={"task": "text-classification"})) == ()
    assert assumed(gather(Brief(task="text-classification"), changes={"train_share": 0.8, "rows": 100})) == ()


def test_every_verb_that_advises_says_so(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    file = tmp_path / "brief.yaml"
    file.write_text("rows: 900\nclasses: 3\n", encoding="utf-8")
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
    file.write_text("task: text-classification\nrows: 900\n", encoding="utf-8")
    assert document(capsys, "recommend", "--brief", file)["notes"][0] == share
    assert document(capsys, "explain", file, "--set", "train_share=.8")["models"][0]["notes"] == []
