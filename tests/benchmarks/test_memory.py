"""The memory benchmark: what it reads from a row, and that it runs as a command."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

memory = pytest.importorskip("benchmarks.memory", reason="the benchmarks are not part of a distribution")
from benchmarks.backtest_tables import PUBLISHED  # noqa: E402 - after the skip

ROW = {
    "model": "Llama-3.1-8B",
    "params_B": "8",
    "method": "QLoRA r32 all HF+FA2",
    "batch": "1",
    "seq_or_tokens": "1000",
    "grad_ckpt": "yes",
    "peak_GiB_or_GB": "10",
    "unit": "GiB",
}


def test_adapters_are_counted_from_the_model_s_shape() -> None:
    eight = memory.NETWORKS["Llama-3.1-8B"]
    assert memory.trained("QLoRA r32 all HF+FA2", eight) == 83_886_080  # what peft prints
    three = memory.NETWORKS["Llama-3.2-3B"]
    assert memory.trained("LoRA r10 MLP bf16", three) == 28 * 10 * 3 * (3_072 + 8_192)
    assert memory.trained("DoRA r32 q+v bf16", three) == 9_175_040 + 28 * (3_072 + 1_024)
    assert memory.trained("full AdamW pure bf16", three) is None


def test_a_row_is_read_as_it_stands() -> None:
    plain = memory.point(ROW)
    assert plain.measured == pytest.approx(10.737, abs=1e-3)
    # One layer whole, and 2 bytes of every other: 4,096 wide, 1,000 tokens.
    assert plain.estimate.activations == (34 + 2 * 32) * 4_096 * 1_000
    assert plain.estimate.logits == 16 * 128_256 * 1_000
    four = memory.point({**ROW, "batch": "4", "seq_or_tokens": "<=1000 (mean 200/sample)", "grad_ckpt": "no"})
    assert four.estimate.activations == 34 * 32 * 4_096 * 4_000
    assert four.estimate.fixed == plain.estimate.fixed
    unsloth = memory.point({**ROW, "method": "QLoRA r32 all Unsloth", "seq_or_tokens": "9000"})
    assert unsloth.estimate.activations == 34 * 4_096 * 9_000
    assert unsloth.estimate.logits == 16 * 128_256 * 1_024
    full = memory.point({**ROW, "method": "full AdamW pure bf16"})
    assert full.estimate.fixed == 8 * 8_000_000_000
    with pytest.raises(ValueError, match="no number of tokens in 'many'"):
        memory.point({**ROW, "seq_or_tokens": "many"})


@pytest.mark.shared
@pytest.mark.skipif(not PUBLISHED.is_dir(), reason="no published tables beside the checkout")
def test_it_runs_as_a_command() -> None:
    done = subprocess.run(
        [sys.executable, "-m", "benchmarks.memory", "--quick", "--json"],
        capture_output=True,
        text=True,
        check=False,
        cwd=Path(__file__).parents[2],
    )
    assert done.returncode == 0, done.stderr
    document = json.loads(done.stdout)
    assert len(document["points"]) == 12
    assert all(point["measured_gb"] > 0 for point in document["points"])
    assert 0.8 <= document["claims"][0]["value"] <= 1.25
