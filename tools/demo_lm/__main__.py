"""`python -m tools.demo_lm COMMAND`: see the package's docstring for the order."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

app = typer.Typer(add_completion=False, no_args_is_help=True, pretty_exceptions_enable=False, help=__doc__)

Work = Annotated[Path, typer.Option("--work", help="Folder that all commands share.")]
WORK = Path("build/demo_lm")
TEACHER = "minilm"


class Size(StrEnum):
    """How large the network is, and how long it is trained."""

    cpu = "cpu"
    gpu = "gpu"


@app.command()
def text(
    corpus: Annotated[Path, typer.Argument(help="The corpus: JSON lines with `text` and `source`, packed by xz.")],
    work: Work = WORK,
    most: Annotated[int, typer.Option("--most", help="Sentences kept.")] = 150_000,
) -> None:
    """Cut the corpus into sentences, and have the teacher read them."""
    from tools.demo_lm.corpus import prepare

    typer.echo(prepare(corpus, work, TEACHER, most))


@app.command()
def tokenizer(
    corpus: Annotated[Path, typer.Argument(help="The corpus.")],
    work: Work = WORK,
) -> None:
    """Train the tokenizer, write the corpus in its tokens, and have the teacher read its words."""
    from tools.demo_lm.network import CONTEXT
    from tools.demo_lm.tasks import name_topics
    from tools.demo_lm.vocabulary import train_tokenizer

    work.mkdir(parents=True, exist_ok=True)
    count = train_tokenizer(corpus, work, CONTEXT)
    typer.echo(f"{count} tokens, {name_topics(work, TEACHER)} words that name topics")


@app.command()
def read(work: Work = WORK, size: Size = Size.cpu, seed: int = 0) -> None:
    """Teach the first layers to read rows as the teacher does; goes on where it was stopped."""
    from tools.demo_lm.network import reader_of

    _train("read", size, reader_of(_built(work, size, seed)), work, seed)


@app.command()
def pretrain(work: Work = WORK, size: Size = Size.cpu, seed: int = 0) -> None:
    """Make copying form on synthetic sequences, from what `read` left, then model language beside it; goes on too."""
    from safetensors.torch import load_file

    found = _finished(work, "read", size)
    model = _built(work, size, seed)
    loaded = model.load_state_dict(load_file(found / "model.safetensors"), strict=False)
    if loaded.unexpected_keys:
        raise typer.BadParameter(f"what learned to read in {found} is another network: remove it and run `read`")
    model.tie_weights()
    typer.echo(f"{sum(p.numel() for p in model.parameters()):,} weights")
    _train("pretrain", size, model, work, seed)


@app.command()
def incontext(work: Work = WORK, size: Size = Size.cpu, seed: int = 0) -> None:
    """Train on episodes of demonstrations, from what `pretrain` left; goes on where it was stopped."""
    from tools.demo_lm.network import load

    _train("incontext", size, load(_finished(work, "pretrain", size)), work, seed)


@app.command()
def evaluate(
    work: Work = WORK,
    quick: Annotated[bool, typer.Option("--quick", help="Two data sets and few episodes; nothing is kept.")] = False,
) -> None:
    """Measure what `incontext` left on data sets that it never saw, by `benchmarks.demo_lm`."""
    import os
    import subprocess
    import sys

    model = work / "model"
    _export(work, model)
    command = [sys.executable, "-m", "benchmarks.demo_lm", *(["--quick"] if quick else [])]
    done = subprocess.run(command, env={**os.environ, "ADVISOR_DEMO_LM": str(model)}, check=False)
    raise typer.Exit(done.returncode)


@app.command()
def ship(work: Work = WORK, size: Size = Size.cpu, seed: int = 0) -> None:
    """Write weights, tokenizer and card into `advisor/demo/lm`."""
    from benchmarks.common import RESULTS, ROOT, machine
    from tools.demo_lm.corpus import read_sentences
    from tools.demo_lm.network import CONTEXT
    from tools.demo_lm.shipping import ship as write
    from tools.demo_lm.training import PLANS

    trained = _finished(work, "incontext", size)
    plans = {name: plan for (name, of), plan in PLANS.items() if of == size.value}
    facts = {
        "context": CONTEXT,
        "tokens": round(sum(plan.steps * plan.tokens for plan in plans.values()) / 1e6),
        "sentences": sum(not row["held"] for row in read_sentences(work)),
        "seed": seed,
        "machine": machine(),
        **{name: f"{plan.steps:,}" for name, plan in plans.items()},
    }
    target = ROOT / "advisor" / "demo" / "lm"
    size_in_bytes = write(trained, work / "tokenizer", target, facts, RESULTS / "demo_lm.json")
    typer.echo(f"{target}: {size_in_bytes:,} bytes")


def _built(work: Path, size: Size, seed: int) -> Any:
    """Build the network over the tokenizer, its embeddings fitted to the teacher."""
    from transformers import AutoTokenizer

    from tools.demo_lm.network import build, config, own_width
    from tools.demo_lm.vocabulary import token_embeddings

    words = AutoTokenizer.from_pretrained(work / "tokenizer")
    settings = config(size.value, len(words), words.eos_token_id)
    return build(settings, token_embeddings(work, TEACHER, own_width(settings.hidden_size), seed), seed)


def _finished(work: Path, name: str, size: Size) -> Path:
    """Return the folder of what a training left at its end."""
    from tools.demo_lm.training import PLANS, newest, steps_done

    found, done, steps = newest(work / name), steps_done(work / name), PLANS[name, size.value].steps
    if found is None or done < steps:
        raise typer.BadParameter(f"run `{name}` first: it has made {done:,} of {steps:,} steps")
    return found


def _export(work: Path, model: Path) -> None:
    """Write the model as it would ship, though it be half trained: the figures are those of bfloat16 weights."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer

    from tools.demo_lm.training import newest

    found = newest(work / "incontext")
    if found is None:
        raise typer.BadParameter("there is no model yet: run `incontext` first")
    AutoModelForCausalLM.from_pretrained(found, dtype=torch.bfloat16, use_safetensors=True).save_pretrained(
        model, safe_serialization=True
    )
    AutoTokenizer.from_pretrained(work / "tokenizer").save_pretrained(model)


def _train(name: str, size: Size, model: object, work: Path, seed: int) -> None:
    import torch

    from probes.hardware import inspect_hardware
    from tools.demo_lm.episodes import writer_for
    from tools.demo_lm.training import PLANS, train

    device = "cuda" if torch.cuda.is_available() else "cpu"
    half = device == "cuda" or inspect_hardware().bf16
    train(PLANS[name, size.value], model, writer_for(work, held=False), work, seed=seed, device=device, half=half)


if __name__ == "__main__":
    app()
