"""The workbench: rows, one model and this machine, with everything about them that several measurements share."""

from __future__ import annotations

import contextlib
import gc
import heapq
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING, Any

from probes.data import Rows, TaskData
from probes.deadline import Deadline
from probes.errors import MeasurementFailed, OutOfMemory
from probes.features import (
    FeatureCache,
    Progress,
    evaluating,
    frozen_dtype,
    load_tokenizer,
    no_progress,
    quiet_loading,
    run_batches,
    sentence_vector,
)
from probes.hardware import Hardware, Speed, give_back_memory, memory_is_an_outcome, with_fewer_rows
from probes.linear_head import LinearHead, fit_linear_head
from probes.measurement import Metric
from probes.model import ModelFacts
from probes.recipe import FrozenFeatures, Precision
from probes.soft_prompt import prompted
from probes.tokens import TokenCache

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

CLEARLY_FASTER = 1.2
"""More threads or half precision must be faster by this factor to be chosen over fewer, or full precision."""

TIMED_ROWS = 16
"""Rows of the batch whose speed is measured, where memory holds them."""

STEP_SECONDS = 1.5
"""Seconds after which a combination of threads and precision is timed no further, its first step not counted."""

STEPS_AT_LEAST, STEPS_AT_MOST = 2, 8
"""Steps timed of a combination, however slow or fast; the first is not counted."""

TRAINING_BYTES = 16
"""Bytes a parameter takes while AdamW trains it: weight, gradient and two moments, in single precision."""

FORWARDS_A_STEP = 3.0
"""A training step in forward passes: the backward pass computes twice what the forward pass does (Kaplan et al. 2020,
section 2.1)."""

LONGEST_ROWS = 2_000
"""Rows of each split, those with the most characters, that are asked how many tokens a text has."""

LEAST_LENGTH = 512
"""Tokens that are read of a text in any case, as far as the context goes: texts yet to come may be longer than those at
hand, and a batch is only as wide as its longest text."""


@dataclass
class Workbench:
    """Rows, one model and this machine.

    Parameters
    ----------
    data : TaskData
    model : ModelFacts or None
        None for what needs no model.
    hardware : Hardware
    metric : {'accuracy', 'macro_f1'}
    deadline : Deadline
    progress : callable
    cache : FeatureCache
    choice : (int, str) or None
        Threads and precision that an earlier run on this machine chose; None tries them when first needed.
    """

    data: TaskData
    model: ModelFacts | None
    hardware: Hardware
    metric: Metric = "accuracy"
    deadline: Deadline = field(default_factory=lambda: Deadline(None))
    progress: Progress = no_progress
    cache: FeatureCache = field(default_factory=lambda: FeatureCache(None))
    choice: tuple[int, Precision] | None = None
    speed: Speed | None = None
    rows_at_once: dict[object, int] = field(default_factory=dict)
    """Rows of a forward pass that memory held in training, by kind of tuning, where it did not hold all of a batch."""
    too_large: dict[object, str] = field(default_factory=dict)
    """What was said of the kinds of tuning of which memory did not hold one row."""

    @property
    def facts(self) -> ModelFacts:
        """The model's facts; asking for them without a model is a mistake of the caller."""
        if self.model is None:
            raise MeasurementFailed("this measurement needs a model and none was given")
        return self.model

    @property
    def device(self) -> str:
        """Name of the torch device."""
        return self.hardware.device

    @cached_property
    def tokenizer(self) -> Any:
        """The model's tokenizer, which pads and knows its context."""
        return load_tokenizer(self.facts)

    def prompted(self, count: int) -> tuple[Any, tuple[int, ...]]:
        """Return the tokenizer with a soft prompt of so many tokens, and their ids; one for all runs."""
        if count not in self._prompted:
            self._prompted[count] = prompted(self.tokenizer, count)
        return self._prompted[count]

    @cached_property
    def _prompted(self) -> dict[int, tuple[Any, tuple[int, ...]]]:
        return {}

    def tokens(self, rows: Rows, max_length: int, tokenizer: Any = None) -> list[dict[str, list[int]]]:
        """Return the token ids of rows, read once; by the model's tokenizer, or by one with a soft prompt."""
        return self._tokens.read(self.tokenizer if tokenizer is None else tokenizer, rows, max_length)

    @cached_property
    def _tokens(self) -> TokenCache:
        return TokenCache()

    @cached_property
    def max_length(self) -> int:
        """Tokens to read of each text: 512 or the longest of train and validation, at most the model's context.

        Of many rows those with the most characters are read: one of the others hardly has more tokens, and would lose
        its last ones.
        """
        if self.facts.context <= LEAST_LENGTH:
            return self.facts.context
        longest = max(
            len(e["input_ids"])
            for rows in (self.data.train, self.data.validation)
            for e in self.tokens(_longest(rows, LONGEST_ROWS), self.facts.context)
        )
        return min(self.facts.context, max(LEAST_LENGTH, longest))

    def load_backbone(self, *, dtype: str | None = None) -> Any:
        """Load the model without a head, from safetensors only, onto the device; in `dtype` or as if frozen."""
        import torch
        from transformers import AutoModel

        quiet_loading()

        model = AutoModel.from_pretrained(
            self.facts.path,
            dtype=getattr(torch, dtype or frozen_dtype(self.facts, self.device)),
            use_safetensors=True,
            trust_remote_code=self.facts.trust_remote_code,
        )
        if model.config.pad_token_id is None:
            model.config.pad_token_id = self.tokenizer.pad_token_id
        return model.to(self.device)

    def features(self, rows: Rows, recipe: FrozenFeatures) -> NDArray[np.float32]:
        """Return one vector a row from the frozen model, computed once and cached.

        Returns
        -------
        ndarray of float32, shape (rows, hidden_size)
        """

        def compute() -> NDArray[np.float32]:
            with memory_is_an_outcome("while the model was loaded"), evaluating(self._frozen):
                return run_batches(
                    lambda batch: sentence_vector(
                        self._frozen(**batch).last_hidden_state.float(),
                        batch["attention_mask"],
                        recipe.pooling,
                        normalize=recipe.normalize,
                    ),
                    self.tokens(rows, recipe.max_length),
                    self.tokenizer,
                    device=self.device,
                    batch_size=recipe.batch_size,
                    deadline=self.deadline,
                    progress=self.progress,
                    what="features",
                )

        return self.cache.get(self._features_key(rows, recipe), compute)

    def has_features(self, rows: Rows, recipe: FrozenFeatures) -> bool:
        """Whether `features` answers from the cache."""
        return self.cache.holds(self._features_key(rows, recipe))

    def _features_key(self, rows: Rows, recipe: FrozenFeatures) -> str:
        dtype = frozen_dtype(self.facts, self.device)
        return FeatureCache.key(self.facts, rows, recipe.pooling, recipe.normalize, recipe.max_length, dtype)

    @cached_property
    def _frozen(self) -> Any:
        return self.load_backbone()

    def drop_frozen(self) -> None:
        """Let go of the frozen model, so that no second copy lies beside one that is loaded next.

        Vectors that were computed stay; others load it again.
        """
        if self.__dict__.pop("_frozen", None) is not None:
            gc.collect()

    def linear_head(self, recipe: FrozenFeatures, train: Rows, *, bias: bool = True) -> LinearHead:
        """Fit the linear probe on these training rows; the same request is answered from memory."""
        key = (recipe, train.numbers, bias)
        if key not in self._heads:
            import numpy as np

            validation = self.data.validation
            self._heads[key] = fit_linear_head(
                self.features(train, recipe),
                np.array(train.labels),
                self.features(validation, recipe),
                np.array(validation.labels),
                classes=len(self.data.classes),
                grid=recipe.C,
                metric=self.metric,
                bias=bias,
                standardise=not recipe.normalize,
                deadline=self.deadline,
            )
        return self._heads[key]

    @cached_property
    def _heads(self) -> dict[tuple[FrozenFeatures, tuple[int, ...], bool], LinearHead]:
        return {}

    def measured_speed(self) -> Speed:
        """Return this model's speed on this machine, measuring it the first time, and set torch's threads by it."""
        import torch

        if self.speed is None:
            self.speed = self._measure_speed()
            give_back_memory()  # what trains next may be another process on the same device
        torch.set_num_threads(self.speed.threads)
        return self.speed

    def _measure_speed(self) -> Speed:
        """Measure by training, and where memory does not hold that by reading alone."""
        if self._fits_training:
            with contextlib.suppress(OutOfMemory):
                return self._timed(trained=True)
            give_back_memory()
        return self._timed(trained=False)

    def _timed(self, *, trained: bool) -> Speed:
        """Measure on as many rows at a time as memory holds."""
        doing = f"while the speed of {self.facts.name} was measured"
        with memory_is_an_outcome(doing):
            model = self.load_backbone(dtype="float32" if trained else None)

        def attempt(rows: int) -> Speed:
            with memory_is_an_outcome(doing, rows):
                return self._time_batch(model, rows, trained)

        return with_fewer_rows(attempt, TIMED_ROWS)

    def _time_batch(self, model: Any, batch_size: int, trained: bool) -> Speed:
        """Train a batch of the user's own rows on each number of threads and precision, and time it.

        A model too large to train whole here only reads the batch: what else is done with it needs far less memory.
        More threads can be slower than one for small models, and half precision is slower where it is emulated. What
        an earlier run on this machine chose is kept, so that the same request gives the same numbers.
        """
        import torch

        model.zero_grad()  # an attempt that failed left some
        rows = self.data.train.take(list(range(min(len(self.data.train), batch_size))))
        encoded = self.tokens(rows, self.max_length)
        batch = dict(self.tokenizer.pad(encoded, padding=True, return_tensors="pt").to(self.device))
        step = _training_step(model, batch, self.device) if trained else _likely_step(model, batch, self.device)
        steps: dict[tuple[int, Precision], list[float]] = {
            choice: [] for choice in ([self.choice] if self.choice else self._choices(trained))
        }
        # In turns, so that what else the machine does strikes all alike; slow combinations need fewer steps.
        for turn in range(STEPS_AT_MOST):
            for (threads, precision), taken in steps.items():
                if turn < STEPS_AT_LEAST or sum(taken[1:]) < STEP_SECONDS:
                    torch.set_num_threads(threads)
                    self.deadline.check()
                    taken.append(step(precision))
        # The first step warms caches and kernels up and is left out. The fastest was disturbed least.
        fastest = {choice: min(taken[1:]) for choice, taken in steps.items()}
        best = min(fastest.values())
        # The first that is about as fast as the fastest: noise must not decide between equals.
        threads, precision = next(choice for choice, took in fastest.items() if took <= CLEARLY_FASTER * best)
        seconds = statistics.median(steps[threads, precision][1:])
        torch.set_num_threads(threads)
        with evaluating(model):
            forward = min(_timed_forward(model, batch, self.device, "fp32") for _ in range(3))
        return Speed(
            threads=threads,
            precision=precision,
            forward_rows_per_second=len(rows) / max(forward, 1e-6),
            train_rows_per_second=len(rows) / max(seconds, 1e-6),
        )

    @property
    def _fits_training(self) -> bool:
        """Whether half the memory holds what AdamW needs for every weight; the other half is for all else."""
        parameters = self.facts.parameters or self.facts.bytes_on_disk // 2
        return TRAINING_BYTES * parameters <= self.hardware.working_memory / 2

    def _choices(self, trained: bool) -> list[tuple[int, Precision]]:
        """Return threads and precisions to try, the preferred first.

        Half the cores, too, as two of them may be one that computes. Beside an accelerator there is no choice to time:
        the share of the cores that this process has.
        """
        cores = self.hardware.cores
        counts = sorted({1, -(-cores // 2), cores}) if self.device == "cpu" else [cores]
        precisions: tuple[Precision, ...] = ("fp32", "bf16") if self.hardware.bf16 else ("fp32",)
        if self.hardware.bf16 and not trained and frozen_dtype(self.facts, self.device) != "float32":
            # On weights in half precision the two would look equally fast.
            precisions = ("bf16",)
        return [(threads, precision) for precision in precisions for threads in counts]


def _longest(rows: Rows, count: int) -> Rows:
    """Return the rows with the most characters, or all where there are no more."""
    if len(rows) <= count:
        return rows
    pairs = rows.pairs or ("",) * len(rows)
    characters = [len(first) + len(second) for first, second in zip(rows.texts, pairs, strict=True)]
    return rows.take(heapq.nlargest(count, range(len(rows)), key=characters.__getitem__))


def _training_step(model: Any, batch: dict[str, Any], device: str) -> Callable[[Precision], float]:
    """Return what times a forward pass, a backward pass and an optimiser step over all weights, as in training.

    With dropout, that is, and the attention that training takes: without them half precision looked slower than it is.
    """
    import torch

    from probes.cpu_training import attention_of, prepare_for_cpu

    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-9, fused=device != "mps")
    attention = attention_of(model)

    def step(precision: Precision) -> float:
        model.train()
        if device == "cpu":
            prepare_for_cpu(model, model, half=precision == "bf16", tokens=batch["input_ids"].shape[1])
        start = time.monotonic()
        try:
            with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
                loss = model(**batch).last_hidden_state.float().mean()
            loss.backward()
            optimizer.step()
            optimizer.zero_grad()
            _synchronise(device)
            return time.monotonic() - start
        finally:
            if attention_of(model) != attention:
                model.set_attn_implementation(attention)

    return step


def _likely_step(model: Any, batch: dict[str, Any], device: str) -> Callable[[Precision], float]:
    """Return what times a forward pass and tells from it what such a step would take; no gradient is ever held."""

    def step(precision: Precision) -> float:
        with evaluating(model):
            return FORWARDS_A_STEP * _timed_forward(model, batch, device, precision)

    return step


def _timed_forward(model: Any, batch: dict[str, Any], device: str, precision: Precision) -> float:
    """Return the seconds of one forward pass."""
    import torch

    start = time.monotonic()
    with torch.autocast(device, torch.bfloat16, enabled=precision == "bf16"):
        model(**batch)
    _synchronise(device)
    return time.monotonic() - start


def _synchronise(device: str) -> None:
    if device == "cuda":
        import torch

        torch.cuda.synchronize()
