"""Published tables as decisions: what a user would have known, and what each choice would have scored."""

from __future__ import annotations

import csv
import math
import os
import re
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.common import ROOT

PUBLISHED = Path(os.environ.get("ADVISOR_PUBLISHED") or ROOT.parent / "shared" / "published")
"""Folder of the tables, beside the checkout unless `$ADVISOR_PUBLISHED` says otherwise."""


@dataclass(frozen=True)
class Decision:
    """One choice that a published table can judge."""

    table: str
    name: str
    rows: int
    options: Mapping[str, Mapping[str, Any]]
    """Facts of the model that each strategy of the table was tried on, by strategy."""
    facts: Mapping[str, Any]
    """What the user would have known beside the model."""
    scores: Mapping[str, float]
    """Points that each strategy got."""
    tie: float = 0.0
    """Points within which the table's own interval lets two scores count as equal."""
    part: str = ""
    """Part of the table that is also reported by itself."""
    test_rows: int | None = None
    """Rows the scores were taken on, where the tie above leaves out that they are a sample."""

    def regret(self, strategy: str, *, sampled: bool = False) -> float:
        """Return the points lost against the best strategy; `sampled` widens the tie by the draw of the test rows."""
        best = max(self.scores.values())
        tie = math.hypot(self.tie, _sampling(best, self.test_rows)) if sampled and self.test_rows else self.tie
        lost = best - self.scores[strategy]
        return 0.0 if lost <= tie + 1e-9 else round(lost, 4)


def _sampling(points: float, test_rows: int) -> float:
    """Return half the 95 % interval of an accuracy on so many rows, in points."""
    return 1.96 * math.sqrt(points * (100 - points) / test_rows)


@dataclass(frozen=True)
class Table:
    """A table, and how to know a rule that was drawn from it."""

    name: str
    source: re.Pattern[str]
    """Matches the source of a rule that was informed by the table."""
    decisions: tuple[Decision, ...]


def read(name: str) -> list[dict[str, str]]:
    """Read a published table; the benchmark has nothing to measure without it and says so."""
    file = PUBLISHED / f"{name}.csv"
    if not file.is_file():
        sys.exit(f"{file} is missing: put the published tables there, or set ADVISOR_PUBLISHED to their folder.")
    lines = [line for line in file.read_text(encoding="utf-8").splitlines() if not line.lstrip('"').startswith("#")]
    return list(csv.DictReader(lines))


def tables() -> tuple[Table, ...]:
    """Return the answer keys."""
    return (
        Table("SetFit T2", re.compile(r"Tunstall", re.IGNORECASE), tuple(_setfit())),
        Table("LoRA T2", re.compile(r"Hu et al[^;]*?table 2\b", re.IGNORECASE), tuple(_lora_glue())),
        Table("LoRA T16", re.compile(r"Hu et al[^;]*?table 16\b", re.IGNORECASE), tuple(_lora_mnli())),
        Table("PEFT benchmark, 48 GB", _PEFT_SOURCE, tuple(_peft("L40S", 48e9))),
        Table("PEFT benchmark, 24 GB", _PEFT_SOURCE, tuple(_peft("L4", 24e9))),
    )


_ENGLISH = {"language": "en", "domain_related": True}

# Classes and training rows of the whole sets, as their hubs give them.
_SETFIT = {
    "SST5": (5, 8_544), "AmazonCF": (2, 5_000), "CR": (2, 3_012), "Emotion": (6, 16_000), "EnronSpam": (2, 31_716),
    "AGNews": (4, 120_000),
}  # fmt: skip
_SETFIT_MODELS: dict[str, dict[str, Any]] = {
    "setfit": {"model_kind": "encoder", "model_parameters": 110_000_000, "sentence_encoder": True},
    "full": {"model_kind": "encoder", "model_parameters": 355_000_000, "sentence_encoder": False},
    "ia3": {"model_kind": "causal", "model_parameters": 3_000_000_000, "instruction_tuned": True},
}
"""MPNet, RoBERTa-large, and the T0-3B of T-Few, which is IA3 on an instruction-tuned model."""
_SETFIT_ROWS = {"SetFit_MPNet": "setfit", "FineTune_RoBERTaL": "full", "T-Few3B": "ia3"}


def _setfit() -> Iterator[Decision]:
    """Make a decision of each set and size.

    On the whole set only full fine-tuning was scored; the others count with their scores at 64 rows a class, which a
    user with more rows could have had too.
    """
    cells = {(row["n_per_class"], _SETFIT_ROWS[row["method"]]): row for row in read("setfit_table2")
             if row["method"] in _SETFIT_ROWS}  # fmt: skip
    for name, (classes, whole) in _SETFIT.items():
        for size in ("8", "64", "full"):
            scores = {}
            for strategy in _SETFIT_MODELS:
                row = cells.get((size, strategy)) or cells[("64", strategy)]
                if row[name]:
                    scores[strategy] = float(row[name])
            rows = whole if size == "full" else int(size) * classes
            yield Decision(
                table="SetFit T2",
                name=f"{name}, {size if size == 'full' else size + ' per class'}",
                rows=rows,
                options={strategy: _SETFIT_MODELS[strategy] for strategy in scores},
                facts={"classes": classes, "gpu": "A100-80", **_ENGLISH},
                scores=scores,
                part="whole sets" if size == "full" else f"{size} per class",
            )


# Classes and training rows of GLUE; STS-B is a regression and has no classes.
_GLUE = {
    "MNLI": (3, 392_702), "SST2": (2, 67_349), "MRPC": (2, 3_668), "CoLA": (2, 8_551), "QNLI": (2, 104_743),
    "QQP": (2, 363_846), "RTE": (2, 2_490), "STSB": (None, 5_749),
}  # fmt: skip
_GLUE_TEST = (9_815, 872, 408, 1_043, 5_463, 40_430, 277, 1_500)
"""Rows of the validation sets, on which the table's scores were taken, in the order of `_GLUE`."""
_GLUE_MODELS = {"RoBERTa-base": 125_000_000, "RoBERTa-large": 355_000_000, "DeBERTa-XXL": 1_500_000_000}
_GLUE_INTERVALS = {
    "RoBERTa-base": (0.3, 0.2, 0.7, 1.2, 0.3, 0.1, 0.7, 0.2),
    "RoBERTa-large": (0.2, 0.5, 1.2, 1.9, 0.3, 0.1, 2.5, 0.2),
    "DeBERTa-XXL": (0.2, 0.2, 0.6, 1.1, 0.1, 0.1, 0.4, 0.2),
}
"""The ± that Hu et al. 2021, Table 2, state for LoRA (95 % over five seeds), in the order of `_GLUE`."""


def _lora_glue() -> Iterator[Decision]:
    rows = [row for row in read("lora_paper") if row["block"] == "T2"]
    for model, parameters in _GLUE_MODELS.items():
        of = {row["method"]: row for row in rows if row["model"] == model}
        known = {"model_kind": "encoder", "model_parameters": parameters, "sentence_encoder": False}
        cells = zip(_GLUE.items(), _GLUE_INTERVALS[model], _GLUE_TEST, strict=True)
        for (name, (classes, size)), tie, test_rows in cells:
            yield Decision(
                table="LoRA T2",
                name=f"{model} on {name}",
                rows=size,
                options={"full": known, "lora": known},
                facts={"classes": classes, "compute": "plenty", **_ENGLISH},
                scores={"full": float(of["FullFT"][name]), "lora": float(of["LoRA"][name])},
                tie=tie,
                test_rows=test_rows,
            )


_MNLI_TEST = 9_815
"""Rows of the matched validation set."""


def _lora_mnli() -> Iterator[Decision]:
    """Make a decision of each size; prefix-embedding tuning is prompt tuning, prefix-layer tuning has no strategy."""
    methods = {"FullFT": "full", "LoRA": "lora", "PrefixEmbed": "prompt_tuning"}
    of = {
        methods[row["method"]]: row for row in read("lora_paper") if row["block"] == "T16" and row["method"] in methods
    }
    known = {"model_kind": "causal", "model_parameters": 175_000_000_000, "instruction_tuned": False}
    # The file keeps the scores of these sizes in the first four columns of Table 2.
    for column, rows in {"MNLI": 100, "SST2": 1_000, "MRPC": 10_000, "CoLA": 392_000}.items():
        scores = {strategy: float(row[column]) for strategy, row in of.items()}
        yield Decision(
            table="LoRA T16",
            name=f"GPT-3 175B on MNLI, {rows:,} rows",
            rows=rows,
            options=dict.fromkeys(of, known),
            facts={"classes": 3, "compute": "plenty", **_ENGLISH},
            scores=scores,
            tie=_sampling(max(scores.values()), _MNLI_TEST),
        )


_PEFT_FAMILIES = {
    "full": re.compile(r"full-finetuning"),
    "dora": re.compile(r"lora--.*-dora$"),
    "lora": re.compile(r"lora--llama-3\.2-3B-rank(10-target-mlp|32|64|64-rslora)$"),
    "ia3": re.compile(r"ia3--"),
    "prompt_tuning": re.compile(r"prompt_tuning--"),
}
_PEFT_DEFAULTS = {
    "full": "full-finetuning--llama-3.2-3B-lr_0.00001",
    "dora": "lora--llama-3.2-3B-rank32-dora",
    "lora": "lora--llama-3.2-3B-rank32",
    "ia3": "ia3--llama-3.2-3B-default",
    "prompt_tuning": "prompt_tuning--llama-3.2-3B-default",
}
_GSM8K_TEST = 1_319
_PEFT_SOURCE = re.compile(r"PEFT[^;]*(benchmark|comparison)|MetaMath", re.IGNORECASE)


def _peft(gpu: str, memory: float) -> Iterator[Decision]:
    """Make decisions of each strategy's best and of its default configuration on a card.

    A configuration whose peak memory is above the card's trains nothing there and counts 0 points.
    """
    rows = {row["name"]: row for row in read("peft_metamath_llama32_3b")}
    known = {"model_kind": "causal", "model_parameters": 3_213_000_000, "instruction_tuned": False}
    points = {
        name: 100 * float(row["test_acc"]) if float(row["mem_max_B"]) <= memory else 0.0 for name, row in rows.items()
    }
    best = {
        strategy: max(points[name] for name in rows if pattern.match(name))
        for strategy, pattern in _PEFT_FAMILIES.items()
    }
    defaults = {strategy: points[name] for strategy, name in _PEFT_DEFAULTS.items()}
    for settings, scores in {"best": best, "default": defaults}.items():
        yield Decision(
            table="PEFT benchmark",
            name=f"Llama-3.2-3B on MetaMathQA, {settings} settings, {gpu}",
            rows=20_000,
            options=dict.fromkeys(scores, known),
            facts={"task": "question-answering", "gpu": gpu, "input_tokens": 70, "output_tokens": 140, **_ENGLISH},
            scores=scores,
            tie=_sampling(max(scores.values()), _GSM8K_TEST),
        )
