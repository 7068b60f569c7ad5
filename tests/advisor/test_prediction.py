"""`advisor predict`: rows it cuts, rows it skips, columns it finds, and code it runs only when told to."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from advisor.cli.app import main

Cli = Callable[..., "subprocess.CompletedProcess[str]"]
Call = Callable[..., tuple[int, str, str]]

CONFIG = """\
strategy: linear_probe
data: {{source: {rows}, text_column: text, label_column: label}}
model: {{name: {model}, trust_remote_code: {trusted}}}
method: {{method: frozen_features, pooling: mean, max_length: {length}, C: [1]}}
"""

OWN_CODE = """\
from transformers import BertConfig, BertModel


class OwnConfig(BertConfig):
    model_type = "own"


class OwnModel(BertModel):
    config_class = OwnConfig
"""


@pytest.fixture
def call(capsys: pytest.CaptureFixture[str]) -> Call:
    """Return the function that runs a verb in this process."""

    def run(*arguments: str | Path) -> tuple[int, str, str]:
        with pytest.raises(SystemExit) as stopped:
            main([str(a) for a in arguments])
        out, err = capsys.readouterr()
        return int(stopped.value.code or 0), out, err

    return run


@pytest.fixture
def probe(call: Call, rows_file: Path, tiny_encoder: Path, tmp_path: Path) -> Path:
    """Return the folder of a linear probe that reads 16 tokens."""
    config = tmp_path / "config.yaml"
    config.write_text(CONFIG.format(rows=rows_file, model=tiny_encoder, trusted="false", length=16), encoding="utf-8")
    code, _, err = call("train", config, "--out", tmp_path / "model")
    assert code == 0, err
    return tmp_path / "model"


def test_what_is_read_and_what_is_left_out_is_told(probe: Path, call: Call, tmp_path: Path) -> None:
    rows = tmp_path / "rows.csv"
    # Both ends of a text have a token of their own: 14 words fit 16 tokens, 15 do not.
    texts = ["refund my invoice", "refund " * 14, "refund " * 15, "parcel " * 40, " "]
    rows.write_text("Text\n" + "".join(f'"{text}"\n' for text in texts), encoding="utf-8")
    code, out, err = call("predict", probe, rows, "--json")
    assert code == 2
    assert "row 5" in err
    assert "--skip-bad-rows" in err
    code, out, err = call("predict", probe, rows, "--skip-bad-rows", "--json")
    assert code == 0, err
    assert json.loads(out)["truncated"] == 2
    assert [p["row"] for p in json.loads(out)["predictions"]] == [1, 2, 3, 4]
    assert "skipped 1 rows without usable text" in err
    assert "2 of 4 rows were longer than the model reads" in err
    rows.write_text("TEXT\nrefund my invoice\n", encoding="utf-8")
    code, out, err = call("predict", probe, rows, "--text-column", "text")
    assert code == 0, err
    assert len(out.splitlines()) == 1
    assert err.strip() == ""


def test_a_model_with_code_of_its_own_predicts_where_that_is_trusted(
    cli: Cli, call: Call, rows_file: Path, tiny_encoder: Path, tmp_path: Path
) -> None:
    own = shutil.copytree(tiny_encoder, tmp_path / "own")
    config = json.loads((own / "config.json").read_text(encoding="utf-8"))
    config |= {"model_type": "own", "auto_map": {"AutoConfig": "own.OwnConfig", "AutoModel": "own.OwnModel"}}
    (own / "config.json").write_text(json.dumps(config), encoding="utf-8")
    (own / "own.py").write_text(OWN_CODE, encoding="utf-8")
    training = tmp_path / "config.yaml"
    training.write_text(CONFIG.format(rows=rows_file, model=own, trusted="true", length=32), encoding="utf-8")
    trained = cli("train", training, "--out", tmp_path / "model")
    assert trained.returncode == 0, trained.stderr
    code, out, err = call("predict", tmp_path / "model", rows_file)
    assert (code, out) == (2, "")
    assert "auto_map" in err
    assert "--trust-remote-code" in err
    found = cli("predict", tmp_path / "model", rows_file, "--trust-remote-code")
    assert found.returncode == 0, found.stderr
    assert len(found.stdout.splitlines()) == 120


def test_an_adapter_trained_in_four_bits_needs_a_gpu_to_predict(probe: Path, call: Call, rows_file: Path) -> None:
    """The base was read in four bits while it trained, and is nowhere read otherwise."""
    import torch

    if torch.cuda.is_available():
        pytest.skip("a CUDA device is here")
    file = probe / "advisor.json"
    mark = json.loads(file.read_text(encoding="utf-8"))
    assert mark["four_bits"] is False
    file.write_text(json.dumps(mark | {"kind": "peft", "four_bits": True}), encoding="utf-8")
    code, _, err = call("predict", probe, rows_file)
    assert code == 2
    assert "holds an adapter trained over weights in four bits (QLoRA)" in err
    assert "need a CUDA GPU and this machine has none" in err
    assert "Run it on one that has" in err
    assert "Traceback" not in err
