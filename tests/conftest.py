"""What all tests share: caches of their own, no network, and a tiny real encoder with a tiny real task."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

# The hub's client reads this once, when it is first imported; so it stands here and not in a fixture.
os.environ["HF_HUB_OFFLINE"] = "1"
os.environ["TOKENIZERS_PARALLELISM"] = "false"

# A shell starts background jobs with Ctrl-C ignored; programs that tests start would inherit that and sleep on.
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:
    signal.signal(signal.SIGINT, signal.default_int_handler)

Cli = Callable[..., "subprocess.CompletedProcess[str]"]

WORDS = {
    "billing": ["invoice", "refund", "charge", "payment", "card", "receipt"],
    "delivery": ["parcel", "courier", "shipping", "tracking", "van", "doorstep"],
    "account": ["password", "login", "username", "profile", "email", "locked"],
}
FILLERS = [
    "please",
    "my",
    "the",
    "is",
    "not",
    "a",
    "about",
    "again",
    "today",
    "still",
    "help",
    "with",
    "and",
    "was",
    "cannot",
    "yet",
    "why",
    "when",
    "need",
    "you",
]


@pytest.fixture(scope="session", autouse=True)
def own_cache(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """Keep what the tests cache away from the user's own cache."""
    folder = tmp_path_factory.mktemp("cache")
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("ADVISOR_CACHE", str(folder))
        yield folder


def tiny_rows(rows: int = 120, seed: int = 1) -> list[dict[str, str]]:
    """Make different texts of three classes: two or three words that tell the class, one of another, and fillers."""
    draw = random.Random(seed)
    made: dict[str, str] = {}
    while len(made) < rows:
        label = list(WORDS)[len(made) % len(WORDS)]
        other = draw.choice([name for name in WORDS if name != label])
        words = [*draw.sample(WORDS[label], draw.choice((2, 3))), draw.choice(WORDS[other]), *draw.sample(FILLERS, 5)]
        draw.shuffle(words)
        made.setdefault(" ".join(words), label)
    return [{"text": text, "label": label} for text, label in made.items()]


def write_rows(file: Path, rows: list[dict[str, str]]) -> Path:
    file.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return file


@pytest.fixture(scope="session")
def rows_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of 120 rows in three classes."""
    return write_rows(tmp_path_factory.mktemp("rows") / "tickets.jsonl", tiny_rows())


@pytest.fixture(scope="session")
def many_rows_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a file of 1,500 rows in the same three classes: enough that tuning takes a while."""
    return write_rows(tmp_path_factory.mktemp("rows") / "many.jsonl", tiny_rows(1_500, seed=2))


@pytest.fixture(scope="session")
def tiny_encoder(tmp_path_factory: pytest.TempPathFactory, own_cache: Path) -> Path:
    """Return the folder of a BERT with 2 layers of width 32 and random weights, saved as `save_pretrained` does.

    That one thread trains it fastest is put into the cache, so that the same test does the same on every machine.
    """
    import torch
    from tokenizers import Tokenizer, models, pre_tokenizers, processors
    from transformers import BertConfig, BertModel, PreTrainedTokenizerFast

    folder = tmp_path_factory.mktemp("models") / "tiny-bert"
    special = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]"]
    words = sorted({*FILLERS, *(word for group in WORDS.values() for word in group)})
    vocabulary = {word: number for number, word in enumerate([*special, *words])}
    tokenizer = Tokenizer(models.WordLevel(vocabulary, unk_token="[UNK]"))
    tokenizer.pre_tokenizer = pre_tokenizers.Whitespace()
    tokenizer.post_processor = processors.TemplateProcessing(
        single="[CLS] $A [SEP]", pair="[CLS] $A [SEP] $B:1 [SEP]:1", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    names = {"pad_token": "[PAD]", "unk_token": "[UNK]", "cls_token": "[CLS]", "sep_token": "[SEP]"}
    fast = PreTrainedTokenizerFast(tokenizer_object=tokenizer, mask_token="[MASK]", model_max_length=64, **names)
    fast.save_pretrained(folder)
    config = BertConfig(
        vocab_size=len(vocabulary),
        hidden_size=32,
        num_hidden_layers=2,
        num_attention_heads=2,
        intermediate_size=64,
        max_position_embeddings=64,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        BertModel(config).save_pretrained(folder)
    remember_one_thread(folder)
    return folder


def remember_one_thread(folder: Path) -> None:
    from advisor.choices import Choices
    from advisor.run import Run
    from probes.hardware import inspect_hardware
    from probes.model import read_model

    scratch = Run.create(folder.parent / f"run-that-chose-{folder.name}")
    Choices(scratch, inspect_hardware()).keep(read_model(str(folder)), 1, "fp32")


@pytest.fixture(scope="session")
def cli_environment(own_cache: Path) -> dict[str, str]:
    """Return the environment in which the command line is started as a process of its own."""
    own = {"ADVISOR_CACHE": str(own_cache), "HF_MODULES_CACHE": str(own_cache / "modules")}
    return {**os.environ, **own, "OMP_NUM_THREADS": "1", "COLUMNS": "200", "NO_COLOR": "1"}


@pytest.fixture(scope="session")
def cli(cli_environment: dict[str, str]) -> Cli:
    """Return the function that runs `advisor` as a process of its own."""

    def run(*arguments: str | Path, cwd: Path | None = None, timeout: float = 120) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", "from advisor.cli.app import main; main()", *map(str, arguments)],
            cwd=cwd,
            env=cli_environment,
            capture_output=True,
            text=True,
            timeout=timeout,
            check=False,
        )

    return run
