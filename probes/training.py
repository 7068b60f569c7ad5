"""Gradient descent: all weights, some layers or an adapter on one path, for probes and for real training."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probes.data import Rows
from probes.errors import MeasurementFailed
from probes.features import evaluating, frozen_dtype, run_batches
from probes.hardware import memory_is_an_outcome
from probes.linear_head import LinearHead, cross_entropy
from probes.measurement import Trial
from probes.recipe import FrozenFeatures, SoftPrompt, Tuning
from probes.scratch import scratch_folder
from probes.trainer import make_trainer
from probes.workbench import Workbench

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

REFERENCE_ROWS = 256
"""Training rows on which the fit is compared with that of the linear probe."""

FIT_SLACK = 1.05
"""A tuned model contains the linear probe; a training loss more than this many times the probe's is underfit."""

STILL_RISING = 0.01
"""Gain of validation score in the last allowed epoch above which a run is stopped while still improving."""


@dataclass(frozen=True)
class FittedTuning:
    """A tuned classifier; see `probes.fitted.Fitted` for what the members mean."""

    recipe: Tuning
    model: Any
    bench: Workbench
    tokenizer: Any
    """Puts a soft prompt before each text, where there is one."""
    validation_score: float
    validation_loss: float
    epochs_run: float
    converged: bool
    why_not: str
    tokens: int
    history: tuple[dict[str, float], ...]
    trials: tuple[Trial, ...] = ()
    notes: tuple[str, ...] = ()
    known: NDArray[np.float32] | None = field(default=None, repr=False, compare=False)
    """Class scores of the validation rows in the epoch that was kept; None where a run was resumed."""

    def probabilities(self, rows: Rows) -> NDArray[np.float32]:
        """Return class probabilities, shape (rows, classes)."""
        import numpy as np
        from scipy.special import softmax

        logits = self.known if rows is self.bench.data.validation else None
        if logits is None:
            logits = _logits(self.model, self.bench, self.tokenizer, rows, self.recipe, "scoring")
        return np.asarray(softmax(logits, axis=1), dtype=np.float32)

    def save(self, folder: Path) -> str:
        """Write the model or adapter with its tokenizer; return how to load it."""
        from probes.classifier import save_classifier

        return save_classifier(
            self.model,
            self.tokenizer,
            self.bench.facts,
            self.bench.data.classes,
            self.recipe.read_length,
            folder,
        )


def fit_tuning(
    recipe: Tuning, bench: Workbench, train: Rows, *, checkpoints: Path | None = None, resume: bool = False
) -> FittedTuning:
    """Tune a model by one recipe; validation rows choose the epoch that is kept.

    Parameters
    ----------
    recipe : Tuning
    bench : Workbench
    train : Rows
        The training rows; validation rows come from the workbench.
    checkpoints : Path, optional
        Where to keep a checkpoint after every epoch; without it the best weights lie in a temporary folder meanwhile.
    resume : bool
        Go on from the newest checkpoint there.

    Returns
    -------
    FittedTuning

    Raises
    ------
    OutOfTime
        At the workbench's deadline.
    MeasurementFailed
        If memory runs out or the loss stops being a number.
    """
    from transformers import set_seed

    from probes.classifier import build_classifier
    from probes.cpu_training import prepare_for_cpu

    bench.measured_speed()
    facts = bench.facts
    reference = None if recipe.weights == "random" else _reference(recipe, bench, train)
    bench.drop_frozen()
    set_seed(recipe.seed)
    tokenizer, prompt = bench.tokenizer, tuple[int, ...]()
    if isinstance(recipe.adapter, SoftPrompt):
        tokenizer, prompt = bench.prompted(recipe.adapter.tokens)
    lengths = [len(e["input_ids"]) for e in bench.tokens(train, recipe.read_length, tokenizer)]
    with memory_is_an_outcome("while the model was loaded"):
        model = build_classifier(
            facts,
            recipe.pooling,
            bench.data.classes,
            normalize=recipe.normalize,
            head=reference.head if reference and recipe.head == "linear_probe" else None,
            pad_token_id=tokenizer.pad_token_id,
            dtype=frozen_dtype(facts, bench.device) if recipe.adapter else "float32",
            device=bench.device,
            adapter=recipe.adapter,
            prompt=prompt,
            layers=recipe.layers,
            weights=recipe.weights,
            gradient_checkpointing=recipe.gradient_checkpointing,
        )
    if bench.device == "cpu":
        body = getattr(model, "body", model)
        base = body.get_base_model() if hasattr(body, "peft_config") else body
        prepare_for_cpu(model, base, half=recipe.precision == "bf16", tokens=max(lengths))
    rows = recipe.rows_at_once
    doing = f"at {rows} row{'s' * (rows > 1)} of up to {recipe.read_length} tokens at a time"
    with _folder(checkpoints) as folder, memory_is_an_outcome(doing, rows), _quiet():
        trainer, validation = make_trainer(recipe, bench, model, tokenizer, train, folder, keep=checkpoints is not None)
        last = last_checkpoint(folder) if resume else None
        trainer.train(resume_from_checkpoint=None if last is None else str(last))
        history = tuple(
            {k: float(v) for k, v in entry.items() if isinstance(v, int | float)} for entry in trainer.state.log_history
        )
    scores = [(h["epoch"], h["eval_score"], h["eval_cross_entropy"]) for h in history if "eval_score" in h]
    if not scores:
        raise MeasurementFailed("training ended before its first epoch was scored on validation rows")
    best = max(scores, key=lambda s: s[1])
    converged, why_not = _converged(recipe, bench, model, tokenizer, reference, scores)
    epochs = scores[-1][0]
    return FittedTuning(
        recipe=recipe,
        model=model,
        bench=bench,
        tokenizer=tokenizer,
        validation_score=best[1],
        validation_loss=best[2],
        epochs_run=epochs,
        converged=converged,
        why_not=why_not,
        tokens=round(sum(lengths) * epochs),
        history=history,
        notes=(f"best after epoch {best[0]:g} of {epochs:g}",),
        known=None if last else validation.logits,
    )


def last_checkpoint(folder: Path) -> Path | None:
    """Return the newest whole checkpoint below a folder, None without one.

    The Trainer writes the state last; where it is missing or cut, the process was killed while it saved.
    """
    whole = []
    for state in folder.glob("checkpoint-*/trainer_state.json"):
        with contextlib.suppress(ValueError, KeyError, TypeError):
            whole.append((int(json.loads(state.read_text(encoding="utf-8"))["global_step"]), state.parent))
    return max(whole)[1] if whole else None


@dataclass(frozen=True)
class _Reference:
    """The linear probe on the same training rows, and how well it fits the first of them."""

    head: LinearHead
    sample: Rows
    loss: float


def _reference(recipe: Tuning, bench: Workbench, train: Rows) -> _Reference:
    import numpy as np

    from probes.classifier import stock_head

    frozen = FrozenFeatures(pooling=recipe.pooling, normalize=recipe.normalize, max_length=recipe.max_length)
    head = bench.linear_head(frozen, train, bias=not stock_head(bench.facts, recipe.pooling))
    sample = train.take(list(range(min(len(train), REFERENCE_ROWS))))
    logits = head.logits(bench.features(train, frozen)[: len(sample)])
    return _Reference(head, sample, cross_entropy(logits, np.array(sample.labels)))


def _converged(
    recipe: Tuning,
    bench: Workbench,
    model: Any,
    tokenizer: Any,
    reference: _Reference | None,
    scores: list[tuple[float, float, float]],
) -> tuple[bool, str]:
    """Judge whether the run had a fair chance, and if not say why.

    Two signs of underfitting: it fits its training rows worse than the linear probe that it contains as a special
    case (random weights contain none), or it was still improving on validation rows in the last epoch it was allowed.
    """
    import numpy as np

    if reference is not None:
        logits = _logits(model, bench, tokenizer, reference.sample, recipe, "checking the fit")
        loss = cross_entropy(logits, np.array(reference.sample.labels))
        if loss > reference.loss * FIT_SLACK + 0.01:
            return (
                False,
                f"underfit: training loss {loss:.3f} against {reference.loss:.3f} of the linear probe it contains",
            )
    if len(scores) >= recipe.epochs:
        before = max((s for _, s, _ in scores[:-1]), default=reference.head.validation_score if reference else 0.0)
        gain = scores[-1][1] - before
        if gain > STILL_RISING:
            return (
                False,
                f"still improving when epoch {recipe.epochs} ended: +{100 * gain:.1f} points on validation rows",
            )
    return True, ""


def _logits(model: Any, bench: Workbench, tokenizer: Any, rows: Rows, recipe: Tuning, what: str) -> NDArray[np.float32]:
    """Return class scores, shape (rows, classes), computed as validation rows were after each epoch."""
    import torch

    with evaluating(model), torch.autocast(bench.device, torch.bfloat16, enabled=recipe.precision == "bf16"):
        return run_batches(
            lambda batch: model(**batch)["logits"],
            bench.tokens(rows, recipe.read_length, tokenizer),
            tokenizer,
            device=bench.device,
            batch_size=max(32, recipe.batch_size),
            deadline=bench.deadline,
            progress=bench.progress,
            what=what,
        )


@contextlib.contextmanager
def _folder(checkpoints: Path | None) -> Iterator[Path]:
    if checkpoints is not None:
        checkpoints.mkdir(parents=True, exist_ok=True)
        yield checkpoints
        return
    with scratch_folder() as folder:
        yield folder


@contextlib.contextmanager
def _quiet() -> Iterator[None]:
    """Keep the Trainer's own printing off the user's terminal; what matters is in our progress and notes."""
    import warnings

    with warnings.catch_warnings():
        known = "pin_memory|lr_scheduler.step|use_reentrant|save_embedding_layers"
        warnings.filterwarnings("ignore", message=f".*({known}).*")
        yield
