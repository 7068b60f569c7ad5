"""What ships: the weights in bfloat16, the tokenizer, and the card with the figures last measured."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

MOST_BYTES = 24_000_000
"""What the folder may weigh."""

CARD = Path(__file__).with_name("card.md.jinja")


def ship(source: Path, tokenizer: Path, target: Path, facts: dict[str, Any], results: Path) -> int:
    """Write the folder that ships; return its bytes.

    Parameters
    ----------
    source : Path
        The trained weights.
    tokenizer : Path
    target : Path
        Is replaced.
    facts : dict
        What the card says of the training.
    results : Path
        Document of `benchmarks.demo_lm`.

    Raises
    ------
    SystemExit
        If it is too heavy, or was not measured to be above chance.
    """
    import torch
    from jinja2 import Environment, StrictUndefined
    from transformers import AutoModelForCausalLM, AutoTokenizer

    measured = json.loads(results.read_text(encoding="utf-8"))
    claim = next(c for c in measured["claims"] if c["name"].startswith("names: points above chance"))
    if claim["value"] is None or claim["value"] <= 0:
        raise SystemExit(f"{results} does not show it above chance: a model that does not beat it is not shipped.")
    model = AutoModelForCausalLM.from_pretrained(source, dtype=torch.bfloat16, use_safetensors=True)
    if target.exists():
        shutil.rmtree(target)
    model.save_pretrained(target, safe_serialization=True)
    AutoTokenizer.from_pretrained(tokenizer).save_pretrained(target)
    template = Environment(undefined=StrictUndefined, autoescape=False, trim_blocks=True, lstrip_blocks=True)  # noqa: S701 - Markdown
    card = template.from_string(CARD.read_text(encoding="utf-8")).render(
        **facts, accuracy=measured["accuracy"], claims=measured["claims"], weights=model.num_parameters()
    )
    (target / "README.md").write_text(card, encoding="utf-8")
    size = sum(f.stat().st_size for f in target.iterdir())
    if size > MOST_BYTES:
        raise SystemExit(f"{target} weighs {size:,} bytes, more than {MOST_BYTES:,}.")
    return size
