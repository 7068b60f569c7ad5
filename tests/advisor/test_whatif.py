"""What if: the engine asked about changed facts, how the ranking moves, and how that is asked for."""

from __future__ import annotations

import json
import math
import time
from pathlib import Path
from typing import Any

import pytest

from advisor.cli.app import main
from advisor.engine import weigh, winner
from advisor.facts import Facts
from advisor.questions import QUESTIONS
from advisor.rules.base import Rule, push
from advisor.rules.start import PRIOR
from advisor.whatif import Sweep, WhatIf, parse_vary, spread, sweep
from probes.errors import SettingError

NAMES = tuple(PRIOR)
KNOWN = Facts(
    rows=3_000, classes=12, gpu_memory_gb=24, model_kind="causal", model_parameters=7_000_000_000, compute="limited"
)


def swept(capsys: pytest.CaptureFixture[str], *arguments: object) -> dict[str, Any]:
    with pytest.raises(SystemExit) as stopped:
        main(["whatif", *map(str, arguments), "--json"])
    out, err = capsys.readouterr()
    assert stopped.value.code == 0, err
    document = json.loads(out)
    assert Sweep.model_validate(document).model_dump(mode="json") == document
    assert isinstance(document, dict)
    return document


@pytest.mark.parametrize("facts", [Facts(), KNOWN], ids=["nothing", "much"])
def test_asking_only_the_rules_that_read_a_fact_changes_no_answer(facts: Facts) -> None:
    what_if = WhatIf(facts, NAMES)
    for question in QUESTIONS:
        for value in question.plausible:
            for change in ({question.fact: value}, {question.fact: value, "rows": 77}):
                changed = facts.model_copy(update=change)
                assert what_if.weigh(change) == weigh(changed, NAMES)
                assert what_if.winner(change) == winner(changed, NAMES)


def test_a_rule_that_reads_a_fact_only_after_another_changed_is_asked() -> None:
    def ask(facts: Facts) -> Any:
        return push("Both.", lora="+S") if facts.expects_shift and facts.shift_kind == "input" else None

    what_if = WhatIf(Facts(expects_shift=False), ("lora",), (Rule("r", "S", "a test", ("lora",), ask),))
    assert what_if.weigh({"expects_shift": True, "shift_kind": "input"}) == {"lora": 1.6}
    assert what_if.weigh({"shift_kind": "input"}) == {"lora": 0.0}
    assert not what_if.matters(["shift_kind"])
    assert what_if.matters(["expects_shift"])


def test_ten_thousand_evaluations_a_second_are_in_reach() -> None:
    # A fifth of what `python -m benchmarks.whatif` measures: tests share their cores.
    what_if = WhatIf(KNOWN, NAMES)
    best = math.inf
    for _ in range(5):
        start = time.process_time()
        for rows in range(1_000, 1_400):
            what_if.weigh({"rows": rows})
        best = min(best, time.process_time() - start)
    assert best < 400 / 2_000


def test_edges_are_exact_and_the_ranking_between_them_steady() -> None:
    found = sweep(KNOWN, "rows", spread(20, 200_000, 12, whole=True, linear=False), NAMES)
    assert found.edges
    for edge in found.edges:
        assert winner(KNOWN.model_copy(update={"rows": edge.at}), NAMES) == edge.to
        assert winner(KNOWN.model_copy(update={"rows": edge.at - 1}), NAMES) == edge.from_
    assert [edge.to for edge in found.edges[:-1]] == [edge.from_ for edge in found.edges[1:]]
    for one in found.values:
        before = [edge.to for edge in found.edges if edge.at <= one.value]
        assert one.ranking[0] == (before[-1] if before else found.edges[0].from_)
        assert list(one.probability) == list(NAMES)
        chances = [one.probability[name] for name in one.ranking]
        assert chances == sorted(chances, reverse=True)
        assert all(one.probability[name] == 0 for name in NAMES if name not in one.ranking)


def test_edges_of_large_numbers_have_three_digits_and_still_flip() -> None:
    facts = Facts(rows=3_000, classes=12, model_kind="causal", gpu="H100", gpus=1)
    found = sweep(facts, "model_parameters", spread(10**7, 10**12, 12, whole=True, linear=False), NAMES)
    assert found.edges
    for edge in found.edges:
        assert edge.at == float(f"{edge.at:.3g}")
        assert type(edge.at) is int
        assert winner(facts.model_copy(update={"model_parameters": edge.at}), NAMES) == edge.to
        before = facts.model_copy(update={"model_parameters": round(edge.at * 0.98)})
        assert winner(before, NAMES) == edge.from_


def test_two_edges_between_two_points_are_both_found() -> None:
    def ask(facts: Facts) -> Any:
        return push("In between.", lora="+S") if 300 <= (facts.rows or 0) < 400 else push("Else.", full="+S")

    rules = (Rule("r", "S", "a test", ("lora", "full"), ask), Rule("s", "S", "a test", ("full",), lambda _: None))
    found = sweep(Facts(), "rows", [200, 350, 1_000], ("lora", "full"), rules)
    assert [(edge.at, edge.from_, edge.to) for edge in found.edges] == [(300, "full", "lora"), (400, "lora", "full")]


def test_choices_have_edges_between_them_too(capsys: pytest.CaptureFixture[str]) -> None:
    asked = ("--vary", "compute=limited,plenty", "--set", "rows=50k", "--set", "model_kind=encoder")
    document = swept(capsys, *asked)
    assert [one["value"] for one in document["values"]] == ["limited", "plenty"]
    for edge in document["edges"]:
        assert set(edge) == {"at", "from", "to"}
        assert edge["at"] == "plenty"


def test_a_range_is_drawn_and_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "brief.yaml").write_text("classes: 6\nmodel_kind: encoder\n", encoding="utf-8")
    document = swept(capsys, tmp_path / "brief.yaml", "--vary", "rows=50:50000", "--points", 10)
    assert document["fact"] == "rows"
    assert document["model"] is None
    values = [one["value"] for one in document["values"]]
    assert (values[0], values[-1], len(values)) == (50, 50_000, 10)
    with pytest.raises(SystemExit) as stopped:
        main(["whatif", str(tmp_path / "brief.yaml"), "--vary", "rows=50:50000"])
    assert stopped.value.code == 0
    page = capsys.readouterr().out
    for edge in document["edges"]:
        assert f"{edge['at']:,}" in page
    assert "log scale" in page


def test_rows_and_model_are_measured(rows_file: Path, tiny_encoder: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = swept(
        capsys, "--data", rows_file, "--model", tiny_encoder, "--vary", "domain_overlap=0:1", "--points", 3
    )
    assert document["model"] == str(tiny_encoder)
    assert [one["value"] for one in document["values"]] == [0.0, 0.5, 1.0]


@pytest.mark.parametrize(
    ("text", "fact", "values"),
    [
        ("rows=50:5000", "rows", [50, 500, 5_000]),
        ("rows = 5k : 500k", "rows", [5_000, 50_000, 500_000]),
        ("rows=1:3", "rows", [1, 2, 3]),
        ("domain_overlap=0:1", "domain_overlap", [0, 0.5, 1]),
        ("latency-ms=10:1000", "latency_ms", [10, 100, 1_000]),
        ("gpu_memory_gb=0:80", "gpu_memory_gb", [0, 0.08, 80]),
        ("gpu_memory_gb=80,8,24", "gpu_memory_gb", [8, 24, 80]),
        ("facts_change=yes,no", "facts_change", [True, False]),
    ],
)
def test_what_is_to_vary(text: str, fact: str, values: list[Any]) -> None:
    assert parse_vary(text, 3) == (fact, values)


REFUSED = (
    *("", "rows", "rows=", "rows=5", "rows=5,5", "rows=9:5", "rows=1:2:3", "rows=-1:5", "rows=a:b"),
    *("compute=a:b", "compute=limited:plenty", "bogus=1:2", "train_rows=1:9"),
)


@pytest.mark.parametrize("text", REFUSED)
def test_what_cannot_vary_is_refused(text: str) -> None:
    with pytest.raises(SettingError) as refused:
        parse_vary(text, 3)
    assert refused.value.remedy


@pytest.mark.parametrize(
    ("vary", "said"),
    [
        ("domain=law,medicine", "No rule looks at domain here: the ranking is the same"),
        ("target=0.5:0.9", "here: the ranking is the same at every value"),
        ("rows=5:9000", None),
    ],
)
def test_a_fact_that_moves_nothing_is_said_to_be_one(
    vary: str, said: str | None, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as stopped:
        main(["whatif", "--vary", vary])
    assert stopped.value.code == 0
    out = capsys.readouterr().out
    assert said in out if said else "the ranking is the same" not in out
