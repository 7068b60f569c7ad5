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
from numpy.typing import NDArray

from tools.demo_lm.episodes import Batch, Mix, Writer, batch_of
from tools.demo_lm.network import READING, own_width

LANGUAGE_WIDTH = 512
"""Tokens of a passage for language modelling."""
SAVE_EVERY = 250
"""Steps between checkpoints."""
REPORT_EVERY = 25

EMBEDDING_SHARE = 0.2
"""Learning rate of the token embeddings over that of the layers."""

READER_SHARE = 0.3
"""The same for the layers that read, once they have learned to."""

READING_WEIGHT = 2.0
"""Weight of the reading loss beside that of labels, which alone would soon undo what was read (cosine .46 after 400
steps, where reading alone first had .73)."""

SOFTENED = 0.35
"""What scores are multiplied by where an episode's own labels alone are told apart: beside 8,000 other tokens a label
needs so high a score that the difference between two of them is far too sure: errors would drown what is learned."""


@dataclass(frozen=True)
class Plan:
    """One of the three trainings."""

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
    ("read", "cpu"): Plan("read", 1000, 4096, 1e-3, 0.0, 0.0),
    ("pretrain", "cpu"): Plan("pretrain", 500, 4096, 1e-3, 0.4, 0.7),
    ("incontext", "cpu"): Plan("incontext", 5000, 4096, 6e-4, 0.1, 0.1),
    ("read", "gpu"): Plan("read", 1500, 32768, 1e-3, 0.0, 0.0),
    ("pretrain", "gpu"): Plan("pretrain", 2500, 32768, 1e-3, 0.5, 0.3),
    ("incontext", "gpu"): Plan("incontext", 9000, 32768, 5e-4, 0.2, 0.1),
}


def mix_at(plan: Plan, step: int, rng: np.random.Generator) -> Mix:
    """Return how episodes are made at a step: copies first, then what is alike, then classes alone, then longer."""
    share = step / plan.steps
    if plan.name == "read":
        return Mix(exact=0.05, near=0.1, tokens=256)
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
    optimizer = _optimizer(model, plan)
    start = _resume(folder, model, optimizer)
    began, tokens = time.monotonic(), 0
    sums: dict[str, list[float]] = {}
    pad = model.config.pad_token_id
    for step in range(start, plan.steps):
        rng = np.random.default_rng((seed, len(plan.name), step))
        for group in optimizer.param_groups:
            group["lr"] = rate_at(plan, step) * group["share"]
        if step >= plan.language_from * plan.steps and rng.random() < plan.language:
            starts = rng.integers(0, len(stream) - LANGUAGE_WIDTH - 1, max(1, plan.tokens // LANGUAGE_WIDTH))
            ids = np.stack([stream[s : s + LANGUAGE_WIDTH] for s in starts]).astype(np.int64)
            loss, said = _language_loss(model, torch.from_numpy(ids).to(device), half)
        else:
            mix = mix_at(plan, step, rng)
            episodes = [writer.write(mix, rng) for _ in range(max(1, plan.tokens // mix.tokens))]
            batch = batch_of(episodes, pad)
            ids = batch.ids
            loss, said = _episode_loss(model, batch, writer.meant, half, labels=plan.name != "read")
        optimizer.zero_grad(set_to_none=True)
        loss.backward()
        torch.nn.utils.clip_grad_norm_(model.parameters(), 1.0)
        optimizer.step()
        tokens += ids.size
        for kind, value in said.items():
            sums.setdefault(kind, []).append(float(value))
        if (step + 1) % REPORT_EVERY == 0:
            means = "  ".join(f"{k} {np.mean(v):.3f}" for k, v in sorted(sums.items()))
            speed = tokens / (time.monotonic() - began)
            print(f"{plan.name} {step + 1:>6}/{plan.steps}  {means}  {speed:,.0f} tokens/s", flush=True)
            sums.clear()
        if (step + 1) % SAVE_EVERY == 0 or step + 1 == plan.steps:
            _save(folder, model, optimizer, step + 1)


def _language_loss(model: Any, ids: torch.Tensor, half: bool) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return the mean cross-entropy of the next token, and what to report."""
    with torch.autocast(ids.device.type, torch.bfloat16, enabled=half):
        logits = model(input_ids=ids, use_cache=False).logits[:, :-1]
    loss = torch.nn.functional.cross_entropy(logits.flatten(0, 1).float(), ids[:, 1:].flatten())
    return loss, {"language": loss.detach()}


def _episode_loss(
    model: Any, batch: Batch, meant: NDArray[np.float32], half: bool, *, labels: bool
) -> tuple[torch.Tensor, dict[str, torch.Tensor]]:
    """Return the loss of reading, with that of labels if wanted, and what to report."""
    device = model.device
    ids = torch.from_numpy(batch.ids).to(device)
    left: list[torch.Tensor] = []
    kept = model.model.layers[READING - 1].register_forward_hook(lambda _layer, _given, out: left.append(out))
    with kept, torch.autocast(device.type, torch.bfloat16, enabled=half):
        hidden = model.model(input_ids=ids, use_cache=False).last_hidden_state.flatten(0, 1)
    read = _read(left[0].flatten(0, 1), batch, meant)
    if not labels:
        return 1 - read, {"read": read.detach()}
    if not len(batch.scored):
        return READING_WEIGHT * (1 - read), {}
    where = torch.from_numpy(batch.scored).to(device)
    with torch.autocast(device.type, torch.bfloat16, enabled=half):
        logits = model.lm_head(hidden[where])
    logits, wanted = logits.float(), ids.flatten()[where + 1]
    exact = torch.nn.functional.cross_entropy(logits, wanted)
    among = _among(logits, wanted, torch.from_numpy(batch.among).to(device))
    right = (logits.detach().argmax(-1) == wanted).float().mean()
    return (
        0.3 * exact + among + READING_WEIGHT * (1 - read),
        {"labels": exact.detach(), "right": right, "read": read.detach()},
    )


def _read(left: torch.Tensor, batch: Batch, meant: NDArray[np.float32]) -> torch.Tensor:
    """Return the mean cosine of what is left where rows end with the teacher's vectors, 1 where no row was read."""
    if not len(batch.read):
        return left.sum() * 0 + 1
    second = left[torch.from_numpy(batch.read).to(left.device), own_width(left.shape[1]) :]
    teacher = torch.from_numpy(meant[batch.sentences, : second.shape[1]]).to(left.device)
    return torch.nn.functional.cosine_similarity(second.float(), teacher).mean()


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


def _optimizer(model: Any, plan: Plan) -> Any:
    readers = tuple(f"model.layers.{i}." for i in range(READING)) if plan.name != "read" else ()

    def share(name: str) -> float:
        if "embed" in name:
            # Adam takes full steps for a token that comes seldom: what the teacher says of it would soon be gone.
            return EMBEDDING_SHARE
        return READER_SHARE if name.startswith(readers) else 1.0

    groups: dict[tuple[float, float], list[Any]] = {}
    for name, weights in model.named_parameters():
        decay = 0.05 if weights.ndim > 1 and "embed" not in name else 0.0
        groups.setdefault((share(name), decay), []).append(weights)
    return torch.optim.AdamW(
        [{"params": found, "share": share, "weight_decay": decay} for (share, decay), found in groups.items()],
        lr=plan.rate,
        betas=(0.9, 0.98),
        eps=1e-8,
        fused=True,
    )


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
    mark = _mark(folder)
    return folder / mark["folder"] if mark else None


def steps_done(folder: Path) -> int:
    """Return the steps that a training has made up to its newest checkpoint."""
    return int(_mark(folder).get("step", 0))


def _mark(folder: Path) -> dict[str, Any]:
    mark = folder / "newest.json"
    found: dict[str, Any] = json.loads(mark.read_text(encoding="utf-8")) if mark.is_file() else {}
    return found


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
    return steps_done(folder)
