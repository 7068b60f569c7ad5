"""transformers' Trainer, put together from a recipe: the one loop that every tuning runs in."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probes.batching import LengthBuckets
from probes.data import Rows
from probes.errors import MeasurementFailed
from probes.linear_head import cross_entropy
from probes.recipe import Tuning
from probes.statistics import score
from probes.workbench import Workbench

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray


class Validation:
    """Validation rows, the longest first so that a batch holds rows of like length, and what the best epoch said.

    Parameters
    ----------
    bench : Workbench
    examples : list of dict
        The validation rows, in their order.
    """

    def __init__(self, bench: Workbench, examples: list[dict[str, Any]]) -> None:
        self._metric = bench.metric
        self._order = sorted(range(len(examples)), key=lambda i: -len(examples[i]["input_ids"]))
        self.examples = [examples[i] for i in self._order]
        """As the Trainer reads them."""
        self.logits: NDArray[np.float32] | None = None
        """Class scores of the best epoch, in the order of the rows."""
        self._best = -math.inf

    def __call__(self, prediction: Any) -> dict[str, float]:
        """Score an epoch; the Trainer's own loss weighs all batches alike, however few rows the last one has."""
        import numpy as np

        logits = np.asarray(prediction.predictions, dtype=np.float32)
        labels = np.asarray(prediction.label_ids)
        reached = score(self._metric, labels, logits.argmax(axis=-1))
        if reached > self._best:
            self._best = reached
            self.logits = np.empty_like(logits)
            self.logits[self._order] = logits
        return {"score": reached, "cross_entropy": cross_entropy(logits, labels)}


def make_trainer(
    recipe: Tuning, bench: Workbench, model: Any, tokenizer: Any, train: Rows, folder: Path, *, keep: bool
) -> tuple[Any, Validation]:
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
    Validation
        Knows the predictions of the best epoch once it has run.
    """
    from torch.utils.data import DataLoader
    from transformers import DataCollatorWithPadding, EarlyStoppingCallback, PrinterCallback, Trainer, TrainingArguments

    def examples(rows: Rows) -> list[dict[str, Any]]:
        encoded = bench.tokens(rows, recipe.read_length, tokenizer)
        return [{**e, "labels": label} for e, label in zip(encoded, rows.labels, strict=True)]

    class Bucketed(Trainer):  # type: ignore[misc]
        """Batches of like length. The Trainer's own `group_by_length` takes the longest of each draw first."""

        def get_train_dataloader(self) -> Any:
            size = self.args.per_device_train_batch_size
            lengths = [len(e["input_ids"]) for e in self.train_dataset]
            loader = DataLoader(
                self.train_dataset,
                batch_size=size,
                sampler=LengthBuckets(lengths, size * self.args.gradient_accumulation_steps, recipe.seed),
                collate_fn=self.data_collator,
                pin_memory=self.args.dataloader_pin_memory,
            )
            return self.accelerator.prepare(loader)

    validation = Validation(bench, examples(bench.data.validation))
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
        remove_unused_columns=False,
        label_names=["labels"],
        seed=recipe.seed,
        use_cpu=bench.device == "cpu",
        dataloader_pin_memory=bench.device == "cuda",
        report_to="none",
        disable_tqdm=True,
        log_level="error",
    )
    trainer = Bucketed(
        model=model,
        args=arguments,
        train_dataset=examples(train),
        eval_dataset=validation.examples,
        data_collator=DataCollatorWithPadding(tokenizer),
        compute_metrics=validation,
        compute_loss_func=_loss,
        callbacks=[EarlyStoppingCallback(recipe.patience), _watch(recipe, bench)],
    )
    trainer.remove_callback(PrinterCallback)
    # The Trainer takes a forward with **kwargs for one that computes such a loss itself.
    trainer.model_accepts_loss_kwargs = False
    return trainer, validation


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
