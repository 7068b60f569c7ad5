"""transformers' Trainer, put together from a recipe: the one loop that every tuning runs in."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

from probes.data import Rows
from probes.errors import MeasurementFailed
from probes.features import tokenize
from probes.recipe import Tuning
from probes.statistics import score
from probes.workbench import Workbench


def make_trainer(
    recipe: Tuning, bench: Workbench, model: Any, tokenizer: Any, train: Rows, folder: Path, *, keep: bool
) -> Any:
    """Put transformers' Trainer together from a recipe.

    Parameters
    ----------
    recipe : Tuning
    bench : Workbench
    model : Module
        As `build_classifier` made it.
    tokenizer : PreTrainedTokenizer
        The one the model was made for: the workbench's, or one with a soft prompt.
    train : Rows
    folder : Path
        Where checkpoints lie.
    keep : bool
        Whether they are kept so that the run can be resumed after every epoch.

    Returns
    -------
    Trainer
    """
    import numpy as np
    from transformers import DataCollatorWithPadding, EarlyStoppingCallback, PrinterCallback, Trainer, TrainingArguments

    def examples(rows: Rows) -> list[dict[str, Any]]:
        encoded = tokenize(tokenizer, rows, recipe.read_length)
        return [{**e, "labels": label} for e, label in zip(encoded, rows.labels, strict=True)]

    def metrics(prediction: Any) -> dict[str, float]:
        return {"score": score(bench.metric, prediction.label_ids, np.argmax(prediction.predictions, axis=-1))}

    arguments = TrainingArguments(
        output_dir=str(folder),
        num_train_epochs=recipe.epochs,
        per_device_train_batch_size=recipe.rows_at_once,
        # What saves memory in training saves it in scoring.
        per_device_eval_batch_size=max(1, max(32, recipe.batch_size) // recipe.gradient_accumulation),
        gradient_accumulation_steps=recipe.gradient_accumulation,
        learning_rate=recipe.learning_rate,
        lr_scheduler_type=recipe.schedule,
        warmup_steps=recipe.warmup,
        weight_decay=recipe.weight_decay,
        max_grad_norm=recipe.max_grad_norm,
        optim="adamw_torch" if bench.device == "mps" else "adamw_torch_fused",
        bf16=recipe.precision == "bf16",
        eval_strategy="epoch",
        logging_strategy="epoch",
        # A kept run can be resumed after every epoch; a probe needs its best weights only, for as long as it runs.
        save_strategy="epoch" if keep else "best",
        save_total_limit=2 if keep else 1,
        save_only_model=not keep,
        load_best_model_at_end=True,
        metric_for_best_model="score",
        greater_is_better=True,
        train_sampling_strategy="random",
        remove_unused_columns=False,
        label_names=["labels"],
        seed=recipe.seed,
        use_cpu=bench.device == "cpu",
        dataloader_pin_memory=bench.device == "cuda",
        report_to="none",
        disable_tqdm=True,
        log_level="error",
    )
    trainer = Trainer(
        model=model,
        args=arguments,
        train_dataset=examples(train),
        eval_dataset=examples(bench.data.validation),
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=metrics,
        compute_loss_func=_loss,
        callbacks=[EarlyStoppingCallback(recipe.patience), _watch(recipe, bench)],
    )
    trainer.remove_callback(PrinterCallback)
    # The Trainer takes a forward with **kwargs for one that computes such a loss itself.
    trainer.model_accepts_loss_kwargs = False
    return trainer


def _loss(outputs: Any, labels: Any, num_items_in_batch: Any = None) -> Any:
    """Return the part of a step's mean cross-entropy that one of its forward passes adds, however many there are.

    A mean of means would give the rows of a last, smaller pass more weight than the others.
    """
    from torch.nn.functional import cross_entropy

    rows = len(labels) if num_items_in_batch is None else num_items_in_batch
    return cross_entropy(outputs["logits"].float(), labels, reduction="sum") / rows


def _watch(recipe: Tuning, bench: Workbench) -> Any:
    """Return the callback that shows progress, keeps the deadline and stops a run whose loss is no number."""
    from transformers import TrainerCallback

    what = f"tuning at learning rate {recipe.learning_rate:g}"

    class Watch(TrainerCallback):  # type: ignore[misc]
        def on_step_end(self, args: Any, state: Any, control: Any, **_: Any) -> None:  # noqa: ARG002
            bench.deadline.check()
            bench.progress(what, state.global_step, state.max_steps)

        def on_log(self, args: Any, state: Any, control: Any, logs: dict[str, float] | None = None, **_: Any) -> None:  # noqa: ARG002
            # A gradient that is not finite is clipped to nothing: such a run would end unchanged and look converged.
            for name in ("loss", "grad_norm"):
                value = float((logs or {}).get(name, 0.0))
                if not math.isfinite(value):
                    raise MeasurementFailed(f"{name} became {value} at learning rate {recipe.learning_rate:g}")

    return Watch()
