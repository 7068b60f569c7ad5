"""A table of bad inputs: the files they name, the command lines, and what their messages must hold."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

Edit = Callable[[Path], None]


def edit_json(name: str, **changes: object) -> Edit:
    def edit(folder: Path) -> None:
        file = folder / name
        file.write_text(json.dumps({**json.loads(file.read_text(encoding="utf-8")), **changes}), encoding="utf-8")

    return edit


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").unlink()
    (folder / "pytorch_model.bin").write_bytes(b"\x80\x04.")


def cut(folder: Path) -> None:
    weights = folder / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:200])


def remove(name: str) -> Edit:
    return lambda folder: (folder / name).unlink()


MODELS: dict[str, Edit] = {
    "pickled": pickled,
    "cut": cut,
    "no-config": remove("config.json"),
    "no-tokenizer": remove("tokenizer.json"),
    "broken-config": lambda folder: (folder / "config.json").write_text("{oops", encoding="utf-8"),
    "list-config": lambda folder: (folder / "config.json").write_text("[]", encoding="utf-8"),
    "own-code": edit_json("config.json", auto_map={"AutoModel": "modeling.Model"}),
    "encoder-decoder": edit_json("config.json", is_encoder_decoder=True, architectures=["T5ForConditionalGeneration"]),
    "images": edit_json("config.json", architectures=["ViTForImageClassification"]),
}
"""What is done to a copy of the tiny encoder, by the name of the copy."""

PARAMETERS = """\
strategy: baseline
data: {{source: {rows}, text_column: text, label_column: label}}
method: {{method: bag_of_words{more}}}
"""

ON_TINY = """\
strategy: {strategy}
data: {{source: good.jsonl, text_column: text, label_column: label{data}}}
model: {{name: models/tiny}}
method: {{pooling: mean, {method}}}
"""
PROBE = "method: frozen_features, max_length: "
TUNING = "method: tuning, learning_rate: 0.001, epochs: 1, max_length: "

FILES: dict[str, str | bytes] = {
    "empty.csv": "",
    "header.csv": "text,label\n",
    "broken.jsonl": '{"text": "a", "label": "x"}\n{"text": \n',
    "columns.csv": "words_of_it,kind_of_it,third\na,b,c\nd,e,f\n",
    "one_class.csv": "text,label\n" + "".join(f"row {i},same\n" for i in range(30)),
    "lone_class.csv": "text,label\n" + "".join(f"row {i},{i % 2}\n" for i in range(30)) + "alone,rare\n",
    "unlabelled.csv": "text,label\nhello,\nbye,\n",
    "latin1.csv": "text,label\ncafé,a\nthé,b\n".encode("latin-1"),
    "null.jsonl": '{"text": null, "label": "a"}\n{"text": "b", "label": "b"}\n',
    "number.jsonl": '{"text": ["a"], "label": "a"}\n{"text": "b", "label": "b"}\n',
    "picture.png": b"\x89PNG\r\n\x1a\n\x00\x00",
    "rows.xlsx": b"PK\x03\x04",
    "rows.parquet": b"PAR1 but not really",
    "rows.jsonl.gz": b"\x1f\x8b broken",
    "list.yaml": "- a\n- b\n",
    "broken.yaml": "task: [text\n",
    "empty.yaml": "",
    "twice.yaml": "metric: accuracy\nmetric: macro_f1\n",
    "typo.yaml": "metrics: accuracy\n",
    "range.yaml": "target: 2\n",
    "task.yaml": "task: summarisation\n",
    "rows.yaml": "rows: 300\n",
    "run-old/request.json": "{}",
    "run-old/facts.json": '[{"brief": {}, "profile": {}}]',
    "run-no-facts/request.json": "{}",
    "run-no-facts/facts.json": "{}",
    "no_rows.yaml": PARAMETERS.format(rows="nowhere.jsonl", more=""),
    "unknown_key.yaml": PARAMETERS.format(rows="good.jsonl", more=", max_feature: 100"),
    "wrong_type.yaml": PARAMETERS.format(rows="good.jsonl", more=", max_features: many"),
    "missing_key.yaml": "strategy: baseline\nmethod: {method: bag_of_words}\n",
    "no_method.yaml": PARAMETERS.format(rows="good.jsonl", more="").replace("bag_of_words", "magic"),
    "no_model.yaml": PARAMETERS.format(rows="good.jsonl", more="").replace(
        "bag_of_words", "frozen_features, pooling: mean, max_length: 8"
    ),
    "lost_model.yaml": PARAMETERS.format(rows="good.jsonl", more="").replace(
        "bag_of_words", "frozen_features, pooling: mean, max_length: 8"
    )
    + "model: {name: ./lost}\n",
    "no_strength.yaml": PARAMETERS.format(rows="good.jsonl", more=", C: []"),
    "negative_strength.yaml": PARAMETERS.format(rows="good.jsonl", more=", C: [1, -1]"),
    "endless_strength.yaml": PARAMETERS.format(rows="good.jsonl", more=", C: [.inf]"),
    "few_rows.yaml": PARAMETERS.format(rows="good.jsonl", more="").replace("label}", "label, train_rows: 2}"),
    "few_rows_probe.yaml": ON_TINY.format(strategy="linear_probe", data=", train_rows: 2", method=PROBE + "8"),
    "long_texts.yaml": ON_TINY.format(strategy="linear_probe", data="", method=PROBE + "65"),
    "long_tuning.yaml": ON_TINY.format(strategy="full", data="", method=TUNING + "9999"),
    "no_target.yaml": ON_TINY.format(strategy="lora", data="", method=TUNING + "8, lora: {target_modules: [nope]}"),
    "empty_target.yaml": ON_TINY.format(strategy="lora", data="", method=TUNING + "8, lora: {target_modules: []}"),
    "broken_target.yaml": ON_TINY.format(strategy="lora", data="", method=TUNING + "8, lora: {target_modules: '['}"),
    "good.yaml": PARAMETERS.format(rows="good.jsonl", more=""),
    "newer.yaml": "version: 2\n" + PARAMETERS.format(rows="good.jsonl", more=""),
    "run-unfinished/request.json": "{}",
    "run-broken/request.json": "{}",
    "run-broken/result.json": "{oops",
    "run-empty/request.json": "{}",
    "run-empty/result.json": "{}",
    "run-odd/request.json": "[]",
    "full-folder/something.txt": "mine",
    "damaged-model/advisor.json": "{}",
}


@dataclass(frozen=True)
class Case:
    """A command line and what its message must hold."""

    arguments: str
    """`@tiny` stands for the tiny encoder, `@<name>` for a changed copy of it."""
    says: tuple[str, ...] = field()

    def __str__(self) -> str:
        return self.arguments or "nothing"


def case(arguments: str, *says: str) -> Case:
    return Case(arguments, says)


TINY = "--model @tiny"
CASES = [
    # verbs, flags and arguments
    case("frobnicate", "frobnicate", "--help"),
    case("profile", "ROWS", "profile --help"),
    case("recommend --data", "--data"),
    case("report", "RUN"),
    case("predict full-folder", "ROWS"),
    case("profile good.jsonl --bogus", "--bogus", "profile --help"),
    case("profile good.jsonl extra", "extra"),
    case("probe good.jsonl --seeds many", "--seeds", "integer", "'many'"),
    case("probe good.jsonl --seeds 0", "--seeds 0", "greater than or equal to 1"),
    case("probe good.jsonl --seeds 99", "--seeds 99"),
    case("probe good.jsonl --train-rows 1", "--train-rows 1", "greater than or equal to 2"),
    case("probe good.jsonl --train-rows -5", "--train-rows -5"),
    case("probe good.jsonl --train-rows 2 --run new-run", "--train-rows 2", "each of the 3 classes"),
    case("probe good.jsonl --tolerance -1", "tolerance is -1", "from 0 to 100"),
    case("probe good.jsonl --tolerance nan", "tolerance is nan"),
    case("probe good.jsonl --target 2", "target is 2", "from 0 to 1"),
    case("probe good.jsonl --metric f1", "metric is 'f1'", "macro_f1"),
    case("probe good.jsonl --budget soon", "--budget 'soon'", "90s, 10m, 1h30m"),
    case("demo --budget soon", "--budget 'soon'", "90s, 10m, 1h30m"),
    case("probe good.jsonl --budget 0", "--budget '0'"),
    case("probe good.jsonl --budget -5m", "--budget '-5m'"),
    case("probe good.jsonl --budget 1h30", "--budget '1h30'"),
    case("probe good.jsonl --strategies lorra", "'lorra'", "Did you mean lora?"),
    case("probe good.jsonl --strategies ,", "--strategies is empty", "linear_probe"),
    case("recommend --data good.jsonl --strategies magic", "'magic'", "Allowed"),
    case("rules --family x", "'x'", "Allowed"),
    case("recommend --set rows", "'rows' is no setting", "--set rows=5000"),
    case("recommend --set row=5", "no setting 'row'", "Did you mean 'rows'?"),
    case("recommend --set rows=many", "rows is 'many'", "a whole number"),
    case("recommend --set train_rows=5", "train_rows", "worked out from other facts"),
    case("recommend --set models=minilm", "cannot set models", "no model is read", "--model"),
    case("explain rows.yaml --set model=minilm", "cannot set model", "--model"),
    case("explain rows.yaml --model ./nowhere", "nowhere"),
    case("recommend --set requests_per_day=50", "no setting 'requests_per_day'", "requests_per_month: 1500."),
    case("recommend --set task=code --set metric=macro_f1", "'macro_f1'", "task code", "pass_at_1 or exact_match"),
    case("probe good.jsonl --metric pass_at_1", "'pass_at_1'", "accuracy or macro_f1"),
    case("recommend --text-column text", "--text-column without rows", "--data"),
    case("explain missing.yaml", "missing.yaml", "brief"),
    case("explain full-folder", "holds no run"),
    case("explain run-unfinished", "facts.json", "not come that far"),
    case("explain run-old", "facts.json", "this version cannot read"),
    case("explain run-no-facts", "facts.json", "this version cannot read"),
    case("explain typo.yaml", "'metrics'", "Did you mean 'metric'?"),
    case("explain rows.yaml --strategy lorra", "--strategy", "'lorra'", "Did you mean lora?"),
    case("explain rows.yaml --set rows=x", "rows is 'x'"),
    case("whatif", "--vary", "whatif --help"),
    case("whatif --vary rows", "'rows' names no fact", "--vary rows=50:50000"),
    case("whatif --vary rows=5", "one value", "--vary rows=50:50000"),
    case("whatif --vary rows=9:5", "ends before it begins"),
    case("whatif --vary row=5:9", "no setting 'row'", "Did you mean 'rows'?"),
    case("whatif --vary compute=little,much", "compute is 'little'", "limited or plenty"),
    case("whatif --vary rows=5:9 --points 1", "--points is 1", "from 2"),
    case("whatif --vary rows=5:9 --set rows=5", "both name rows"),
    case("whatif --vary rows=5:9 --vary classes=2:9", "--vary is given 2 times", "--set"),
    case("whatif --vary models=minilm,tiny", "cannot vary models", "--model"),
    case("whatif --vary model=minilm,tiny", "cannot vary model", "--model"),
    case("rules lightest-first --family volume", "not in the family volume", "--family start"),
    case("whatif missing.yaml --vary rows=5:9", "missing.yaml"),
    case("whatif full-folder --vary rows=5:9", "holds no run"),
    case("whatif run-old --vary rows=5:9 --data good.jsonl", "run-old is a run folder", "--data"),
    case("whatif --vary rows=5:9 --data missing.csv", "missing.csv"),
    case("whatif --vary rows=5:9 --model nowhere/at-all", "nowhere/at-all"),
    case("rules volume-under-10", "'volume-under-10'", "Did you mean volume-under-100-in-context"),
    case("schema nonsense", "'nonsense'", "config, brief"),
    # rows
    case("profile missing.csv --model none", "missing.csv"),
    case("profile empty.csv --model none", "empty.csv"),
    case("profile header.csv --model none", "header.csv"),
    case("profile broken.jsonl --model none", "broken.jsonl", "2"),
    case("profile columns.csv --model none", "columns.csv", "kind_of_it", "--label-column"),
    case("profile one_class.csv --model none", "one_class.csv", "same"),
    case("probe lone_class.csv", "rare", "--drop-rare-classes"),
    case("profile unlabelled.csv --model none", "unlabelled.csv"),
    case("profile latin1.csv --model none", "latin1.csv", "UTF-8"),
    case("profile null.jsonl --model none", "null.jsonl", "--skip-bad-rows"),
    case("profile number.jsonl --model none", "number.jsonl"),
    case("profile picture.png --model none", "picture.png"),
    case("profile rows.xlsx --model none", "rows.xlsx"),
    case("profile rows.parquet --model none", "rows.parquet"),
    case("profile rows.jsonl.gz --model none", "rows.jsonl.gz"),
    case("profile full-folder --model none", "full-folder"),
    case("profile good.jsonl --model none --text-column words", "words", "text"),
    case("profile good.jsonl --model none --label-column words", "words", "label"),
    case("profile good.jsonl --model none --split-column words", "words"),
    case("profile good.jsonl --model none --text-column text --label-column text", "text"),
    case("recommend --data missing.csv", "missing.csv"),
    case("probe missing.csv --run new-run", "missing.csv"),
    case("profile nobody/no-such-rows --model none", "nobody/no-such-rows"),
    # paths that the system cannot even be asked about
    *(
        case(line.format(path), *says)
        for path, says in (
            ("~nosuchuser/rows.csv", ("~nosuchuser/rows.csv", "no home folder")),
            ("n" * 300, ("nnn", "too long")),
            ("loop/rows.csv", ("loop/rows.csv", "symbolic links")),
        )
        for line in (
            "profile {} --model none",
            "recommend --data {}",
            "probe {}",
            "profile good.jsonl --model {}",
            "recommend --data good.jsonl --brief {}",
            "explain {}",
            "whatif {} --vary rows=5:9",
            "probe good.jsonl --run {}",
            "probe --resume --run {}",
            "demo --run {}",
            "emit {}",
            "report {}",
            "train {}",
            "train good.yaml --out {}",
            "predict {} good.jsonl",
            "predict damaged-model good.jsonl --out {}",
        )
    ),
    # models
    case("profile good.jsonl --model nowhere/at-all", "nowhere/at-all", "hf download"),
    case("probe good.jsonl --model minillm", "minillm", "minilm"),
    case("probe good.jsonl --model good.jsonl", "good.jsonl", "is a file"),
    case("probe good.jsonl --model full-folder", "config.json is missing"),
    case("probe good.jsonl --model @pickled", ".safetensors", "pytorch_model.bin", "safe_serialization=True"),
    case("probe good.jsonl --model @cut", "model.safetensors", "cut"),
    case("probe good.jsonl --model @no-config", "config.json is missing"),
    case("probe good.jsonl --model @no-tokenizer", "tokenizer", "save_pretrained"),
    case("probe good.jsonl --model @broken-config", "config.json", "valid JSON"),
    case("probe good.jsonl --model @list-config", "config.json", "no JSON object"),
    case("probe good.jsonl --model @own-code", "auto_map", "--trust-remote-code"),
    case("profile good.jsonl --model @own-code", "auto_map", "--trust-remote-code"),
    case("recommend --data good.jsonl --model @own-code", "auto_map", "--trust-remote-code"),
    case("probe good.jsonl --model @encoder-decoder", "encoder-decoder"),
    case("recommend --data good.jsonl --model @images", "ViTForImageClassification"),
    case(f"probe good.jsonl {TINY} {TINY}", "twice"),
    # briefs
    case("recommend --data good.jsonl --brief missing.yaml", "missing.yaml", "brief"),
    case("recommend --data good.jsonl --brief empty.yaml", "empty.yaml is empty"),
    case("recommend --data good.jsonl --brief list.yaml", "a list"),
    case("recommend --data good.jsonl --brief broken.yaml", "not YAML"),
    case("recommend --data good.jsonl --brief twice.yaml", "'metric' stands twice"),
    case("recommend --data good.jsonl --brief typo.yaml", "'metrics'", "Did you mean 'metric'?"),
    case("probe good.jsonl --brief range.yaml", "target is 2"),
    case("probe good.jsonl --brief task.yaml", "summarisation", "text-classification", "advisor recommend"),
    case("probe good.jsonl --brief full-folder", "is a folder"),
    # run folders
    case("probe", "no rows", "--resume --run DIR"),
    case("probe --resume", "no rows"),
    case("probe good.jsonl --resume", "--resume without --run"),
    case("probe good.jsonl --dry-run --run new-run", "--dry-run with --run", "leave one of them out"),
    case("probe good.jsonl --dry-run --resume", "--dry-run with --resume"),
    case("probe missing.csv --dry-run", "missing.csv"),
    case("probe good.jsonl --resume --run full-folder", "holds no run"),
    case("probe --resume --run run-odd", "run-odd"),
    case("probe --resume --run run-empty", "run-empty"),
    case("probe good.jsonl --run full-folder", "not empty"),
    case("probe good.jsonl --run good.jsonl", "is a file"),
    case("probe good.jsonl --run good.jsonl/below", "good.jsonl/below"),
    case("probe good.jsonl --run run-unfinished", "holds a run already", "--resume"),
    case("emit missing-run", "missing-run", "advisor probe"),
    case("emit run-unfinished", "not come that far", "--resume --run run-unfinished"),
    case("report full-folder", "holds no run"),
    case("report run-unfinished", "result.json"),
    case("report run-broken", "valid JSON"),
    case("report run-empty", "run-empty"),
    case("report good.jsonl", "holds no run"),
    # training and prediction
    case("train missing.yaml", "missing.yaml", "advisor emit"),
    case("train full-folder", "is a folder"),
    case("train broken.yaml", "not YAML"),
    case("train list.yaml", "a list"),
    case("train good.jsonl", "good.jsonl"),
    case("train unknown_key.yaml", "max_feature is not a key", "max_features", "advisor schema config"),
    case("train wrong_type.yaml", "max_features is 'many'"),
    case("train missing_key.yaml", "data is missing"),
    case("train no_method.yaml", "bag_of_words, frozen_features"),
    case("train no_strength.yaml", "method.bag_of_words.C is []", "at least 1 item"),
    case("train negative_strength.yaml", "C.1 is -1", "greater than 0"),
    case("train endless_strength.yaml", "C.0 is inf"),
    case("train few_rows.yaml --out new-model", "2 training rows", "2 of the 3 classes", "`train_rows`", "to 3"),
    case("train few_rows_probe.yaml --out new-model", "2 training rows", "2 of the 3 classes", "`train_rows`"),
    case("train long_texts.yaml --out new-model", "max_length is 65", "64 tokens"),
    case("train long_tuning.yaml --out new-model", "max_length is 9,999", "64 tokens"),
    case("train no_target.yaml --out new-model", "target_modules", "'nope'", "all-linear", "query"),
    case("train empty_target.yaml --out new-model", "target_modules", "all-linear", "query"),
    case("train broken_target.yaml --out new-model", "target_modules", "'['", "query"),
    case("train newer.yaml", "version is 2"),
    case("train no_rows.yaml --out new-model", "nowhere.jsonl"),
    case("train no_model.yaml --out new-model", "no model", "name:"),
    case("train lost_model.yaml --out new-model", "./lost"),
    case("train good.yaml --out full-folder", "not empty"),
    case("train good.yaml --out good.jsonl", "is a file"),
    case("train good.yaml --resume --out full-folder", "no interrupted training"),
    case("predict missing-model good.jsonl", "missing-model", "advisor train"),
    case("predict full-folder good.jsonl", "no finished training"),
    case("predict damaged-model good.jsonl", "damaged"),
    case("predict damaged-model good.jsonl --out full-folder", "--out full-folder is a folder"),
]
