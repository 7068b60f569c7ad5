"""Facts for the tests of advice: ordinary ones, with any part changed by name."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from advisor.brief import Brief
from advisor.cli.app import main
from advisor.facts import Facts, gather
from probes.hardware import Hardware
from probes.model import ModelFacts
from probes.profile import Duplicates, Leaks, Profile, Quantiles
from tests.advisor.probe_runs import FOUR, Call, Cli

PROFILE = Profile(
    source="rows.jsonl",
    rows=2_500,
    classes=4,
    per_class={},
    imbalance=1.0,
    splits={},
    unlabelled=0,
    pairs=False,
    duplicates=Duplicates(exact=0, normalised=0),
    leaks=Leaks(test_rows_in_train=0, test_rows_in_train_normalised=0, validation_rows_in_train=0),
    label_conflicts=0,
    characters=Quantiles(p50=60, p95=120, max=300),
    tokens=Quantiles(p50=15, p95=30, max=80),
    tokenizer="minilm",
    context=256,
    truncated=0,
    fertility=1.2,
    language="en",
    language_share=0.97,
    non_latin=0.0,
)
ENCODER = ModelFacts(
    name="minilm",
    model_id="sentence-transformers/all-MiniLM-L6-v2",
    revision=None,
    path="models/minilm",
    kind="encoder",
    model_type="bert",
    architecture="BertModel",
    parameters=22_713_216,
    layers=6,
    hidden_size=384,
    vocab_size=30_522,
    context=256,
    pooling="mean",
    sentence_encoder=True,
    chat_template=False,
    instruction_tuned=False,
    dtype="float32",
    bytes_on_disk=90_868_376,
    licence="apache-2.0",
    language=("en",),
)
CAUSAL = ENCODER.model_copy(
    update={
        "name": "talker",
        "kind": "causal",
        "model_type": "llama",
        "architecture": "LlamaForCausalLM",
        "parameters": 1_000_000_000,
        "context": 2_048,
        "pooling": "last",
        "sentence_encoder": False,
        "chat_template": True,
        "instruction_tuned": True,
        "dtype": "bfloat16",
        "bytes_on_disk": 2_000_000_000,
    }
)
MODELS = {"encoder": ENCODER, "causal": CAUSAL, None: None}
HARDWARE = Hardware(
    device="cpu", device_name="x86_64", cores=2, memory_bytes=64 * 10**9, device_memory_bytes=None, bf16=False
)

MakeFacts = Callable[..., Facts]


def _make_facts(
    n: int | None = 2_000,
    classes: int = 4,
    *,
    kind: str | None = "encoder",
    brief: dict[str, object] | None = None,
    model: dict[str, object] | None = None,
    hardware: dict[str, object] | None = None,
    **profile: object,
) -> Facts:
    """Make facts with `n` training rows spread evenly over the classes (None: the file names no splits)."""
    rows = PROFILE.rows if n is None else n
    each = {f"class {k}": rows // classes + (k < rows % classes) for k in range(classes)}
    made = {
        "rows": rows,
        "classes": classes,
        "per_class": each,
        "splits": {} if n is None else {"train": n, "validation": 1, "test": 1},
    }
    base = MODELS[kind]
    return gather(
        Brief.model_validate(brief or {}),
        Profile.model_validate(PROFILE.model_dump() | made | profile),
        None if base is None else ModelFacts.model_validate(base.model_dump() | (model or {})),
        Hardware.model_validate(HARDWARE.model_dump() | (hardware or {})),
    )


@pytest.fixture(scope="session")
def profile() -> Profile:
    """Return the profile that the facts are made of."""
    return PROFILE


@pytest.fixture(scope="session")
def encoder() -> ModelFacts:
    """Return a small sentence encoder."""
    return ENCODER


@pytest.fixture(scope="session")
def hardware() -> Hardware:
    """Return a machine without an accelerator."""
    return HARDWARE


@pytest.fixture(scope="session")
def make_facts() -> MakeFacts:
    """Return the function that makes facts."""
    return _make_facts


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Return the function that runs a verb in this process."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return int(stopped.value.code or 0), out, err

    return run


@pytest.fixture(scope="session")
def asked(rows_file: Path, tiny_encoder: Path) -> list[str]:
    return [
        "probe",
        str(rows_file),
        "--model",
        str(tiny_encoder),
        "--strategies",
        FOUR,
        "--budget",
        "none",
        "--seeds",
        "1",
    ]


@pytest.fixture(scope="session")
def finished(asked: list[str], cli: Cli, tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, int, dict[str, Any]]:
    """Return the folder, the exit code and the document of a probe nobody disturbed."""
    folder = tmp_path_factory.mktemp("runs") / "undisturbed"
    done = cli(*asked, "--run", folder, "--json")
    assert done.returncode in {0, 3}, done.stderr
    return folder, done.returncode, json.loads(done.stdout)
