"""The curriculum and the loop: what each step reads is drawn from the seed and the step's number, so runs go on."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch

from tools.demo_lm.episodes import Mix, Writer, batch_of

SAVE_EVERY = 250
"""Steps between checkpoints."""
REPORT_EVERY = 25

EMBEDDING_SHARE = 0.2
"""Learning rate of the token embeddings over that of the layers."""

SOFTENED = 0.35
"""What scores are multiplied by where an episode's own labels alone are told apart: beside 8,000 other tokens a label
needs so high a score that the difference between two of them is far too sure: errors would drown what is learned."""


@dataclass(frozen=True)
class Plan:
    """One of the two trainings."""

    name: str
    steps: int
    tokens: int
    """Tokens a step reads."""
    rate: float
    """Highest learning rate."""
    language: float
    """Share of steps that are language modelling, from `language_from` on."""
    language_from: float
    """Part of the steps that comes before."""


PLANS = {
    ("pretrain", "cpu"): Plan("pretrain", 300, 4096, 1e-3, 0.4, 0.7),
    ("incontext", "cpu"): Plan("incontext", 2400, 4096, 6e-4, 0.1, 0.1),
    ("pretrain", "gpu"): Plan("pretrain", 2500, 32768, 1e-3, 0.5, 0.3),
    ("incontext", "gpu"): Plan("incontext", 9000, 32768, 5e-4, 0.2, 0.1),
}


def mix_at(plan: Plan, step: int, rng: np.random.Generator) -> Mix:
    """Return how episodes are made at a step: copies first, then what is alike, then classes alone, then longer."""
    share = step / plan.steps
    if plan.name == "pretrain":
        return Mix(exact=0.4, near=0.15, made_up=max(0.2, 0.6 - share), tokens=224, classes=4)
    exact, near = max(0.03, 0.2 - 2 * share), max(0.08, 0.25 - 2 * share)
    tokens = int(rng.choice([256, 384, 512, 1024], p=[0.3, 0.3, 0.25, 0.15])) if share > 0.2 else 256
    return Mix(exact=exact, near=near, made_up=max(0.0, 0.2 - 2 * share), tokens=tokens, zero_shot=share > 0.4)


def rate_at(plan: Plan, step: int) -> float:
    """Return the learning rate: it rises for 100 steps and falls along a cosine to a twentieth."""
    rise = min(1.0, (step + 1) / 100)
    return plan.rate * rise * (0.05 + 0.95 * 0.5 * (1 + math.cos(math.pi * step / plan.steps)))


def train(plan: Plan, model: Any, writer: Writer, work: Path, *, seed: int, device: str, half: bool) -> None:
    """Train, from the newest checkpoint of this plan if there is one, and write the weights."""
    folder = work / plan.name
    stream = np.load(work / "stream.npy", mmap_mode="r")
    model.to(device).train()
    optimizer = _optimizer(model, plan.rate)
    start = _resume(folder, model, optimizer)
    began, tokens = time.monotonic(), 0
    sums: dict[str, list[float]] = {}
    pad = model.config.pad_token_id
    for step in range(start, plan.steps):
        rng = np.random.default_rng((seed, len(plan.name), step))
        for group in optimizer.param_groups:
            group["lr"] = rate_at(plan, step) * group["share"]
        language = step >= plan.language_from * plan.steps and rng.random() < plan.language
        if language:
            width = 512
            starts = rng.integers(0, len(stream) - width - 1, max(1, plan.tokens // width))
            ids = np.stack([stream[s : s + width] for s in starts]).astype(np.int64)
            scored = np.arange(ids.size).reshape(ids.shape)[:, :-1].ravel()
        else:
            mix = mix_at(plan, step, rng)
            episodes = [writer.write(mix, rng) for _ in range(max(1, plan.tokens // mix.tokens))]
            ids, scored, among = batch_of(episodes, pad)
            if not len(scored):
                continue
        batch, where = torch.from_numpy(ids).to(device), torch.from_numpy(scored).to(device)
        with torch.autocast(device, torch.bfloat16, enabled=half):
            hidden = model.model(input_ids=batch, use_cache=False).last_hidden_state.flatten(0, 1)[where]
            logits = model.lm_head(hidden)
        logits, wanted = logits.float(), batch.flatten()[where + 1]
        loss = torch.nn.functional.cross_entropy(logits, wanted)
        told = loss if language else 0.3 * loss + _among(logits, wanted, torch.from_numpy(among).to(device))
        optimizer.zero_grad(set_to_none=True)
        told.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        tokens += ids.size
        kind = "language" if language else "labels"
        sums.setdefault(kind, []).append(float(loss.detach()))
        if not language:
            right = (logits.detach().argmax(-1) == wanted).float().mean()
            sums.setdefault("right", []).append(float(right))
        if (step + 1) % REPORT_EVERY == 0:
            means = "  ".join(f"{k} {np.mean(v):.3f}" for k, v in sorted(sums.items()))
            speed = tokens / (time.monotonic() - began)
            print(f"{plan.name} {step + 1:>6}/{plan.steps}  {means}  {speed:,.0f} tokens/s", flush=True)
            sums.clear()
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == plan.steps:
            _save(folder, model, optimizer, step + 1)


def _among(logits: torch.Tensor, wanted: torch.Tensor, among: torch.Tensor) -> torch.Tensor:
    """Return the mean cross-entropy among the labels of each episode, -1 where there are fewer; 0 without any."""
    rows = (among >= 0).sum(1) > 1
    if not rows.any():
        return logits.sum() * 0
    among = among[rows]
    scores = logits[rows].gather(1, among.clamp(min=0)) * SOFTENED
    scores = scores.masked_fill(among < 0, float("-inf"))
    right = (among == wanted[rows, None]).int().argmax(1)
    return torch.nn.functional.cross_entropy(scores, right)


def _optimizer(model: Any, rate: float) -> Any:
    named = list(model.named_parameters())
    groups = [
        {"params": [p for n, p in named if p.ndim > 1 and "embed" not in n], "weight_decay": 0.05, "share": 1.0},
        {"params": [p for _, p in named if p.ndim == 1], "weight_decay": 0.0, "share": 1.0},
        # Adam takes full steps for a token that comes seldom: what the teacher says of it would soon be gone.
        {"params": [p for n, p in named if "embed" in n], "weight_decay": 0.0, "share": EMBEDDING_SHARE},
    ]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.98), eps=1e-8, fused=True)


def _save(folder: Path, model: Any, optimizer: Any, step: int) -> None:
    """Write weights, the optimiser's moments and the step; the step last, by a rename, so that all of it is whole."""
    from safetensors.torch import save_file

    target = folder / f"step-{step}"
    target.mkdir(parents=True, exist_ok=True)
    model.save_pretrained(target, safe_serialization=True)
    state = optimizer.state_dict()["state"]
    save_file(
        {f"{i}.{k}": v.detach().cpu().contiguous() for i, s in state.items() for k, v in s.items()},
        target / "moments.safetensors",
    )
    fresh = folder / "newest.json.part"
    fresh.write_text(json.dumps({"step": step, "folder": target.name}), encoding="utf-8")
    fresh.replace(folder / "newest.json")
    for other in _others(folder, target):
        for file in other.iterdir():
            file.unlink()
        other.rmdir()


def _others(folder: Path, kept: Path) -> Iterator[Path]:
    return (p for p in folder.glob("step-*") if p != kept)


def newest(folder: Path) -> Path | None:
    """Return the folder of the newest checkpoint of a training, None if there is none."""
    mark = folder / "newest.json"
    return folder / json.loads(mark.read_text(encoding="utf-8"))["folder"] if mark.is_file() else None


def _resume(folder: Path, model: Any, optimizer: Any) -> int:
    from safetensors.torch import load_file

    found = newest(folder)
    if found is None:
        return 0
    model.load_state_dict(load_file(found / "model.safetensors"), strict=False)
    model.tie_weights()
    state: dict[int, dict[str, Any]] = {}
    for name, value in load_file(found / "moments.safetensors").items():
        number, _, key = name.partition(".")
        state.setdefault(int(number), {})[key] = value
    optimizer.load_state_dict({**optimizer.state_dict(), "state": state})
    return int(json.loads((folder / "newest.json").read_text(encoding="utf-8"))["step"])
