"""Tiny models with random weights, an easy task, and a workbench for both: what the tests of measuring share."""

from __future__ import annotations

import dataclasses
import json
import random
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from probes import deadline, fitting, measuring, searching
from probes.columns import Columns
from probes.data import Rows, TaskData
from probes.hardware import Hardware, Speed
from probes.model import ModelFacts, read_model
from probes.training import FittedTuning
from probes.workbench import Workbench
from tests.probes.made_fits import BEYOND, RATES, Fits
from tests.probes.prompting_bench import save_causal_lm, tokenizer

STORIES = Path(__file__).parents[2].parent / "shared" / "models" / "stories260K"

TOPICS = {
    "bill": ("invoice", "charge", "refund", "price"),
    "card": ("card", "pin", "chip", "lost"),
    "log in": ("password", "login", "account", "locked"),
}
FILLERS = ("please", "my", "the", "is", "was", "why", "again", "today", "help", "i", "cannot", "see")
WORDS = (*FILLERS, *(word for words in TOPICS.values() for word in words))
CPU = Hardware(device="cpu", device_name="CPU", cores=1, memory_bytes=10**9, device_memory_bytes=None, bf16=False)
SPEED = Speed(threads=1, precision="fp32", forward_rows_per_second=1000.0, train_rows_per_second=300.0)


def easy_rows(count: int, seed: int, *, classes: int = 3, pairs: bool = False, first: int = 1) -> Rows:
    """Make rows with one or two words of their topic among words that say nothing."""
    rng = random.Random(seed)
    texts, labels = [], []
    for k in range(count):
        label = k % classes
        words = rng.choices(FILLERS, k=rng.randint(1, 4))
        for _ in range(rng.randint(1, 2)):
            words.insert(rng.randint(0, len(words)), rng.choice(tuple(TOPICS.values())[label]))
        texts.append(" ".join(words))
        labels.append(label)
    return Rows(
        texts=tuple(texts),
        pairs=tuple(" ".join(rng.choices(FILLERS, k=rng.randint(1, 4))) for _ in range(count)) if pairs else None,
        labels=tuple(labels),
        numbers=tuple(range(first, first + count)),
    )


def easy_task(*, classes: int = 3, train: int = 90, pairs: bool = False) -> TaskData:
    """Make a task that a bag of words solves."""
    return TaskData(
        source="rows.csv",
        fingerprint="0",
        columns=Columns(text="text", label="label"),
        classes=tuple(TOPICS)[:classes],
        train=easy_rows(train, 1, classes=classes, pairs=pairs),
        validation=easy_rows(45, 2, classes=classes, pairs=pairs, first=1001),
        test=easy_rows(60, 3, classes=classes, pairs=pairs, first=2001),
        split_origin="made up",
        split_seed=0,
    )


def make_tokenizer(kind: str, *, eos: bool = False) -> Any:
    """Make a word-level tokenizer with BERT's frame or a causal one's; `eos` ends texts with the padding token."""
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import PreTrainedTokenizerFast

    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]"] if kind == "encoder" else ["<unk>", "<s>", "</s>"]
    vocabulary = {word: i for i, word in enumerate([*special, *WORDS])}
    inner = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]" if kind == "encoder" else "<unk>"))
    inner.pre_tokenizer = pre_tokenizers.Whitespace()
    if kind == "encoder":
        inner.post_processor = processors.TemplateProcessing(
            single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
        )
        names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    else:
        end = " </s>" if eos else ""
        inner.post_processor = processors.TemplateProcessing(
            single=f"<s> $A{end}", pair=f"<s> $A $B{end}", special_tokens=[("<s>", 1), ("</s>", 2)]
        )
        names = {"bos_token": "<s>", "eos_token": "</s>", "unk_token": "<unk>"}
    return PreTrainedTokenizerFast(tokenizer_object=inner, **names)


def make_model(folder: Path, kind: str, *, eos: bool = False, dropout: float = 0.0, **settings: Any) -> Path:
    """Save a tiny model with random weights and its tokenizer, as transformers does."""
    import torch
    from transformers import BertConfig, BertModel, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    tokenizer = make_tokenizer(kind, eos=eos)
    common = {
        "vocab_size": len(tokenizer),
        "hidden_size": 32,
        "intermediate_size": 48,
        "num_hidden_layers": 2,
        "num_attention_heads": 4,
        "max_position_embeddings": 64,
        "initializer_range": 0.2,
    }
    if kind == "encoder":
        dropouts = {"hidden_dropout_prob": dropout, "attention_probs_dropout_prob": dropout}
        model: Any = BertModel(BertConfig(**(common | dropouts | {"pad_token_id": 0} | settings)))
    else:
        ids = {"bos_token_id": 1, "eos_token_id": 2, "pad_token_id": None, "num_key_value_heads": 2}
        model = LlamaForCausalLM(LlamaConfig(**(common | ids | settings)))
    model.save_pretrained(folder)
    tokenizer.save_pretrained(folder)
    return folder


MakeBench = Callable[..., Workbench]


def _make_bench(facts: ModelFacts | None, data: TaskData | None = None, **more: Any) -> Workbench:
    bench = Workbench(data=data or easy_task(), model=facts, hardware=CPU, speed=SPEED)
    return dataclasses.replace(bench, **more)


@pytest.fixture(scope="session")
def make_bench() -> MakeBench:
    """Return the function that makes a workbench."""
    return _make_bench


@pytest.fixture(scope="session")
def make_task() -> Callable[..., TaskData]:
    """Return the function that makes a task."""
    return easy_task


@pytest.fixture(scope="session")
def save_model() -> Callable[..., Path]:
    """Return the function that saves a tiny model."""
    return make_model


@pytest.fixture(scope="session")
def save_rows() -> Callable[..., Path]:
    """Return the function that writes easy rows to a file."""

    def save(file: Path, count: int = 120) -> Path:
        rows = easy_rows(count, 4)
        lines = [{"text": text, "label": tuple(TOPICS)[k]} for text, k in zip(rows.texts, rows.labels, strict=True)]
        file.write_text("".join(json.dumps(line) + "\n" for line in lines), encoding="utf-8")
        return file

    return save


@pytest.fixture(scope="session")
def encoder(tmp_path_factory: pytest.TempPathFactory) -> ModelFacts:
    """Return the facts of a tiny BERT."""
    return read_model(str(make_model(tmp_path_factory.mktemp("encoder"), "encoder")))


@pytest.fixture(scope="session")
def causal(tmp_path_factory: pytest.TempPathFactory) -> ModelFacts:
    """Return the facts of a tiny Llama without a padding token, as most are."""
    return read_model(str(make_model(tmp_path_factory.mktemp("causal"), "causal")))


@pytest.fixture(scope="module", params=[("llama", "bytes"), ("gpt2", "words"), ("llama", "unsplit"), "stories260K"])
def facts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModelFacts:
    if request.param == "stories260K":
        if not STORIES.is_dir():
            pytest.skip(f"{STORIES.name} does not lie beside the checkout")
        return read_model(str(STORIES))
    architecture, kind = request.param
    return save_causal_lm(tmp_path_factory.mktemp("model"), architecture, tokenizer(kind))


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> ModelFacts:
    return save_causal_lm(tmp_path_factory.mktemp("llama"), "llama", tokenizer("bytes"))


@pytest.fixture
def fits(monkeypatch: pytest.MonkeyPatch) -> Callable[..., Fits]:
    """Return the function that makes gradient descent up, by the outcome of each learning rate, and stops the clock."""

    def install(*outcomes: tuple[float, float] | Exception) -> Fits:
        found = Fits(dict(zip((*RATES, *BEYOND), outcomes, strict=False)))
        monkeypatch.setattr(fitting, "fit_tuning", found)
        for module in (searching, measuring, deadline):
            monkeypatch.setattr(module, "time", SimpleNamespace(monotonic=lambda: found.now))
        monkeypatch.setattr(
            FittedTuning,
            "probabilities",
            lambda self, rows: np.eye(3, dtype=np.float32)[[0] * len(rows)] + self.recipe.learning_rate,
        )
        return found

    return install
