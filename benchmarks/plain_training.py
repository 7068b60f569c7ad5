"""The training that our probes are held against: transformers' Trainer and peft as they come, and rows a second."""

from __future__ import annotations

import tempfile
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray

from probes.data import Rows
from probes.recipe import FrozenFeatures, Lora, Tuning
from probes.training import fit_tuning
from probes.workbench import Workbench
from strategies.tuned import batch_size

Work = Literal["full", "lora", "lora as peft has it"]
"""What is trained: all weights, adapters on all linear layers, or on those that `LoraConfig()` names."""


@dataclass(frozen=True)
class Trained:
    """One training: how fast, and what it says of the test rows."""

    rows_per_second: float
    """Training rows passed through over the seconds of training, validation left out."""
    with_validation: float
    """The same over all seconds, with the validation after each epoch and the checkpoints it takes."""
    predictions: NDArray[np.int64]


def recipe_for(work: Work, bench: Workbench, rows: Rows, seed: int, epochs: int) -> Tuning:
    """Return a probe's recipe, with every epoch run: the middle learning rate of its strategy for small encoders."""
    facts = bench.facts
    return Tuning(
        adapter=None if work == "full" else Lora(),
        pooling=facts.pooling,
        normalize=facts.normalize,
        max_length=bench.max_length,
        learning_rate=5e-5 if work == "full" else 1e-3,
        epochs=epochs,
        batch_size=batch_size(len(rows)),
        patience=epochs,
        precision=bench.measured_speed().precision,
        seed=seed,
    )


def train_ours(work: Work, bench: Workbench, rows: Rows, seed: int, epochs: int) -> Trained:
    """Train as a probe does."""
    fitted = fit_tuning(recipe_for(work, bench, rows, seed, epochs), bench, rows)
    return _trained(list(fitted.history), len(rows) * epochs, fitted.probabilities(bench.data.test))


def train_plainly(work: Work, bench: Workbench, rows: Rows, seed: int, epochs: int, threads: int) -> Trained:
    """Train the same network from the same head with the Trainer's defaults; validation after each epoch is added.

    Parameters
    ----------
    work : str
    bench : Workbench
    rows : Rows
    seed : int
    epochs : int
    threads : int
        Threads of torch.
    """
    from transformers import set_seed

    recipe = recipe_for(work, bench, rows, seed, epochs)  # measures the speed, which sets our own threads
    torch.set_num_threads(threads)
    set_seed(seed)
    model = network(work, recipe, bench, rows)
    with tempfile.TemporaryDirectory() as folder:
        trainer = _trainer(
            model, recipe, bench, rows, output_dir=folder, num_train_epochs=epochs, eval_strategy="epoch"
        )
        trainer.train()
    # Scored as ours is; what it takes is in neither figure.
    from scipy.special import softmax

    from probes.features import evaluating, run_batches

    with evaluating(model):
        logits = run_batches(
            lambda batch: model(**batch)["logits"],
            bench.tokens(bench.data.test, recipe.max_length),
            bench.tokenizer,
            device=bench.device,
            batch_size=32,
            deadline=bench.deadline,
            progress=bench.progress,
            what="scoring",
        )
    return _trained(trainer.state.log_history, len(rows) * epochs, softmax(logits, axis=1))


def faster_threads(bench: Workbench, rows: Rows, default: int, steps: int = 6) -> int:
    """Return the threads that a few steps of plain training are faster with: torch's default, or those we would take.

    So that the Trainer is not held against us with more threads than this machine has to spare.
    """
    recipe = recipe_for("full", bench, rows, 0, 1)
    seconds = {}
    for threads in (default, bench.measured_speed().threads):
        torch.set_num_threads(threads)
        with tempfile.TemporaryDirectory() as folder:
            trainer = _trainer(
                network("full", recipe, bench, rows), recipe, bench, rows, output_dir=folder, max_steps=steps
            )
            seconds[threads] = float(trainer.train().metrics["train_runtime"])
    return min(seconds, key=seconds.__getitem__)


def network(work: Work, recipe: Tuning, bench: Workbench, rows: Rows) -> Any:
    """Build the network that is trained, its head started from the linear probe as a probe's is."""
    from peft import LoraConfig, get_peft_model

    from probes.classifier import build_classifier

    frozen = FrozenFeatures(pooling=recipe.pooling, normalize=recipe.normalize, max_length=recipe.max_length)
    model = build_classifier(
        bench.facts,
        recipe.pooling,
        bench.data.classes,
        normalize=recipe.normalize,
        head=bench.linear_head(frozen, rows),
        pad_token_id=bench.tokenizer.pad_token_id,
        dtype="float32",
        device=bench.device,
        adapter=recipe.adapter if work == "lora" else None,
    )
    if work == "lora as peft has it":
        model.body = get_peft_model(model.body, LoraConfig(task_type="FEATURE_EXTRACTION"))
    return model


def _trainer(model: Any, recipe: Tuning, bench: Workbench, rows: Rows, **settings: Any) -> Any:
    from transformers import DataCollatorWithPadding, PrinterCallback, Trainer, TrainingArguments

    def examples(part: Rows) -> list[dict[str, Any]]:
        encoded = bench.tokens(part, recipe.max_length)
        return [{**e, "labels": label} for e, label in zip(encoded, part.labels, strict=True)]

    arguments = TrainingArguments(
        learning_rate=recipe.learning_rate,
        seed=recipe.seed,
        use_cpu=bench.device == "cpu",
        # The network's forward names its labels; none of the rest changes what is computed.
        remove_unused_columns=False,
        label_names=["labels"],
        dataloader_pin_memory=bench.device == "cuda",
        report_to="none",
        disable_tqdm=True,
        log_level="error",
        **settings,
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=examples(rows),
        eval_dataset=examples(bench.data.validation),
        data_collator=DataCollatorWithPadding(bench.tokenizer),
    )
    trainer.remove_callback(PrinterCallback)
    trainer.model_accepts_loss_kwargs = False
    return trainer


def _trained(history: list[dict[str, float]], passed: int, probabilities: NDArray[np.float32]) -> Trained:
    """Read the Trainer's own clock, the same for both."""
    whole = next(entry["train_runtime"] for entry in history if "train_runtime" in entry)
    validation = sum(entry["eval_runtime"] for entry in history if "eval_runtime" in entry)
    return Trained(passed / (whole - validation), passed / whole, np.asarray(probabilities.argmax(axis=1)))
