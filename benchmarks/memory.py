"""Estimated memory over measured peaks, for every point of the published table.

python -m benchmarks.memory [--quick] [--json]

Each point is estimated from what its source states: model, batch, tokens, what is trained and which measures save
memory. The claim is about the median; each point is reported, and the median once more with the shape of the model
guessed from its parameters alone. `--quick` does the same and keeps nothing.
"""

from __future__ import annotations

import re
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from benchmarks.backtest_tables import read
from benchmarks.common import Claim, main
from strategies.cost import Memory, Method, Precision, memory

BAND = (0.8, 1.25)
GIB = 1.073741824
"""GB (10⁹ bytes) of a GiB."""


@dataclass(frozen=True)
class Network:
    """What a model's config says."""

    layers: int
    hidden: int
    inner: int
    """Width of the feed-forward layers."""
    values: int
    """Width of keys and of values, which several heads share."""
    vocabulary: int = 128_256


NETWORKS = {
    "Llama-3.2-3B": Network(28, 3_072, 8_192, 1_024),
    "Llama-3.1-8B": Network(32, 4_096, 14_336, 1_024),
    "Llama-3.3-70B": Network(80, 8_192, 28_672, 1_024),
}


@dataclass(frozen=True)
class Point:
    """One measured peak with its estimates."""

    name: str
    method: str
    measured: float
    """GB."""
    estimate: Memory
    guessed: Memory
    """Estimated from the number of parameters alone."""

    @property
    def ratio(self) -> float:
        """The estimate over what was measured."""
        return self.estimate.total / 1e9 / self.measured


def trained(method: str, model: Network) -> int | None:
    """Count the parameters of the adapters that a method of the table trains; None for all weights.

    Examples
    --------
    >>> trained("LoRA r32 q+v bf16", NETWORKS["Llama-3.2-3B"]), trained("full AdamW", NETWORKS["Llama-3.2-3B"])
    (9175040, None)
    """
    found = re.search(r"\br(\d+) (q\+v|MLP|all)\b", method)
    if found is None:
        return None
    rank, where = int(found[1]), found[2]
    wide, narrow, inner = 2 * model.hidden, model.hidden + model.values, model.hidden + model.inner
    ends = {"q+v": wide + narrow, "MLP": 3 * inner, "all": 2 * wide + 2 * narrow + 3 * inner}[where]
    lengths = wide // 2 + model.values if method.startswith("DoRA") else 0
    return model.layers * (rank * ends + lengths)


def _tokens(said: str) -> int:
    """Read the tokens of a row: the longest, since a batch is padded to it."""
    found = re.search(r"\d+", said)
    if found is None:
        raise ValueError(f"memory_calibration.csv: no number of tokens in {said!r}")
    return int(found[0])


def point(row: Mapping[str, str]) -> Point:
    """Estimate one row of the table."""
    model, said = NETWORKS[row["model"]], row["method"]
    method: Method = "full" if said.startswith("full") else "qlora" if said.startswith("QLoRA") else "lora"
    precision: Precision = "bf16" if "pure bf16" in said else "mixed"
    parameters = round(float(row["params_B"]) * 1e9)
    # Unsloth offloads checkpoints and computes the loss in chunks unless a row says otherwise.
    saving = "Unsloth" in said or "offload" in row["grad_ckpt"]
    settings: dict[str, Any] = {
        "vocabulary": model.vocabulary,
        "batch": int(row["batch"]),
        "tokens": _tokens(row["seq_or_tokens"]),
        "checkpointing": row["grad_ckpt"].startswith("yes"),
        "offloaded": saving,
        "chunked_loss": saving,
        "language_model": True,
        "precision": precision,
        "trained": trained(said, model),
    }
    return Point(
        name=f"{row['model']}, {said}, batch {row['batch']}, {row['seq_or_tokens']} tokens",
        method=method,
        measured=float(row["peak_GiB_or_GB"]) * (GIB if row["unit"] == "GiB" else 1),
        estimate=memory(method, parameters, layers=model.layers, hidden=model.hidden, **settings),
        guessed=memory(method, parameters, **settings),
    )


def points() -> list[Point]:
    """Return every point of the table."""
    return [point(row) for row in read("memory_calibration")]


def measure(quick: bool) -> list[Claim]:  # noqa: ARG001 - it takes a second either way
    """Measure the claims."""
    found = points()
    middle = statistics.median(p.ratio for p in found)
    low, high = BAND
    inside = sum(low <= p.ratio <= high for p in found)
    fixed = statistics.median(p.estimate.fixed / 1e9 / p.measured for p in found)
    guessed = statistics.median(p.guessed.total / 1e9 / p.measured for p in found)
    return [
        Claim(
            f"estimate over measured peak, median of {len(found)} points",
            round(middle, 3),
            f"{low} to {high}",
            low <= middle <= high,
        ),
        Claim("points within the same band", f"{inside} of {len(found)}", "reported", None),
        Claim("median before activations and logits", round(fixed, 3), "reported", None),
        Claim("median with the shape guessed from the parameters", round(guessed, 3), "reported", None),
        *(Claim(f"{p.name}: ratio", round(p.ratio, 3), "reported", None) for p in found),
    ]


NOTES = {
    "constants": "All come from formulas and stand with their source in strategies/cost.py; none was fitted to these "
    "points or to any other measured peak. The one fit, of layers and hidden size on parameters, is on 21 other "
    "models, not on memory.",
    "tokens": "The longest row that a source states, since a batch is padded to it: 768 in PEFT's method comparison.",
    "unsloth bench": "Points are the longest context that fits a card, so the CUDA context is in them, which estimates "
    "leave out. Kernels of Unsloth's own are not reckoned with.",
}
"""What to know about the points."""


def details() -> Mapping[str, Any]:
    """Return every point with the parts of its estimate, in GB."""
    return {
        "notes": NOTES,
        "points": [
            {
                "point": p.name,
                "measured_gb": round(p.measured, 2),
                "estimate_gb": round(p.estimate.total / 1e9, 2),
                "ratio": round(p.ratio, 3),
                "ratio_guessed_shape": round(p.guessed.total / 1e9 / p.measured, 3),
                "parts_gb": {part: round(size / 1e9, 2) for part, size in p.estimate.model_dump().items()},
            }
            for p in points()
        ],
    }


if __name__ == "__main__":
    main("memory", measure, details)
