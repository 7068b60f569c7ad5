"""Label likelihood: the log-probability of each label as the continuation of a prompt, under a causal language model.

The prompt and each label are tokenised together, as lm-evaluation-harness does, so that the tokens at their boundary
are those the model knows. The log-probabilities are summed from the first token in which the labels differ: what lies
before is the same for all of them, so differences between labels are exact even where a tokenizer merges the end of
the prompt with the start of the label. What all prompts begin with is read once, each prompt once, and the labels
continue from copies of its key-value cache.
"""

from __future__ import annotations

import copy
import inspect
import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from probes.deadline import Deadline
from probes.errors import MeasurementFailed
from probes.features import Progress, evaluating, no_progress
from probes.hardware import memory_is_an_outcome, with_fewer_rows

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

CACHED_TOKENS = 16_384
"""Tokens whose keys and values all copies of the cache hold together: 2 GiB for a 7B model of today."""

LOGITS = 2**26
"""Logits of one forward pass over labels: 256 MiB in single precision."""

TOLERANCE = 0.01
HALF_TOLERANCE = 0.5
"""How far a log-probability with the cache may lie from one without, in single and in half precision."""

Ids = tuple[int, ...]


@dataclass(frozen=True)
class Encoded:
    """The token ids of one prompt with each of the labels."""

    head: Ids
    """What the prompt has in common with all labels."""
    tails: tuple[Ids, ...]
    """What follows it, one a label."""

    def __len__(self) -> int:
        return len(self.head) + max(len(t) for t in self.tails)


class LabelEncoder:
    """Tokenises prompts jointly with each label.

    Parameters
    ----------
    tokenizer : PreTrainedTokenizer
    continuations : tuple of str
        What follows the prompt, one string a label.
    special_tokens : bool
        Whether the tokenizer adds its special tokens; False where the text has them already.
    local : bool
        Whether all prompts end in the same words, so that what the tokenizer makes of the labels is the same after
        each. It is then found out once, and for later prompts checked on one label.
    """

    def __init__(
        self, tokenizer: Any, continuations: tuple[str, ...], *, special_tokens: bool, local: bool = False
    ) -> None:
        self._tokenizer = tokenizer
        self._continuations = continuations
        self._special_tokens = special_tokens
        self._local = local
        self._tails: tuple[Ids, ...] | None = None
        self._end: Ids = ()

    def __call__(self, prompt: str) -> Encoded:
        """Tokenise one prompt with all labels."""
        if self._tails is not None:
            ids = (*self._ids(prompt + self._continuations[0]), *self._end)
            tail = self._tails[0]
            if len(ids) > len(tail) and ids[-len(tail) :] == tail:
                return Encoded(ids[: -len(tail)], self._tails)
        encoded = self.joint(prompt)
        if self._local and self._tails is None:
            self._tails = encoded.tails
        return encoded

    def joint(self, prompt: str) -> Encoded:
        """Tokenise one prompt with each label, every one from the start.

        Raises
        ------
        MeasurementFailed
            If the tokenizer makes the same of all labels.
        """
        sequences = [(*self._ids(prompt + c), *self._end) for c in self._continuations]
        if len(set(sequences)) == 1:
            raise MeasurementFailed("the model's tokenizer turns all class names into the same tokens")
        if not self._end and _one_begins_another(sequences):
            # The sum over a sequence that another one begins with would count both; an end tells them apart.
            if self._tokenizer.eos_token_id is None:
                raise MeasurementFailed("one class name begins another, and the model has no token to end it with")
            self._end = (self._tokenizer.eos_token_id,)
            sequences = [s + self._end for s in sequences]
        common = len(_common(sequences))
        start = () if common else (self._start(),)
        return Encoded((*start, *sequences[0][:common]), tuple(s[common:] for s in sequences))

    def _ids(self, text: str) -> list[int]:
        ids: list[int] = self._tokenizer(text, add_special_tokens=self._special_tokens, verbose=False)["input_ids"]
        return ids

    def _start(self) -> int:
        """Return the token to start from where the prompt has none."""
        for token in (self._tokenizer.bos_token_id, self._tokenizer.eos_token_id):
            if token is not None:
                return int(token)
        raise MeasurementFailed("the prompt is empty, and the model has no token to start from")


def _common(sequences: Sequence[Ids]) -> Ids:
    """Return what all sequences begin with: what the first and the last of them in order have in common."""
    low, high = min(sequences), max(sequences)
    return tuple(a for a, _ in itertools.takewhile(lambda pair: pair[0] == pair[1], zip(low, high, strict=False)))


def _one_begins_another(sequences: Sequence[Ids]) -> bool:
    ordered = sorted(set(sequences))
    return any(b[: len(a)] == a for a, b in itertools.pairwise(ordered))


class LabelLikelihood:
    """Scores labels as continuations of prompts.

    Parameters
    ----------
    model : PreTrainedModel
    device : str
    batch_size : int
        Prompts a forward pass reads at once, at most.
    deadline : Deadline
    progress : callable

    Attributes
    ----------
    tokens : int
        Tokens the model has read so far.
    cached : bool
        Whether labels continue from the prompt's cache; see `check`.
    """

    def __init__(
        self, model: Any, *, device: str, batch_size: int, deadline: Deadline, progress: Progress = no_progress
    ) -> None:
        self._model = model
        self._device = device
        self._batch_size = batch_size
        self._most = CACHED_TOKENS
        self.deadline = deadline
        self._progress = progress
        self._keeps_last = "logits_to_keep" in inspect.signature(model.forward).parameters
        self.tokens = 0
        self.cached = True

    def scores(self, encoded: Sequence[Encoded]) -> NDArray[np.float64]:
        """Return the summed log-probability of each label, shape (prompts, labels), for at least one prompt.

        Raises
        ------
        OutOfTime
            At the deadline.
        MeasurementFailed
            If memory does not hold one label of one prompt, or the model gives something that is no number.
        """
        import numpy as np

        result = np.zeros((len(encoded), len(encoded[0].tails)))
        waiting = list(range(len(encoded)))

        def read(most: int) -> None:
            nonlocal waiting
            self._most = most
            longest = max(len(encoded[i]) for i in waiting)
            asked, done = waiting, set[int]()
            # Below one prompt at a time there is nothing to halve.
            rows = most if most >= longest else None
            try:
                with memory_is_an_outcome(f"on prompts of up to {longest:,} tokens", rows), evaluating(self._model):
                    for block, values in self._blocks([encoded[i] for i in asked]):
                        result[[asked[k] for k in block]] = values
                        done.update(asked[k] for k in block)
                        self._progress("scoring labels", len(encoded) - len(asked) + len(done), len(encoded))
            finally:
                waiting = [i for i in asked if i not in done]

        with_fewer_rows(read, self._most)
        if not np.isfinite(result).all():
            raise MeasurementFailed("the model gave log-probabilities that are no numbers")
        return result

    def check(self, encoded: Sequence[Encoded]) -> None:
        """Compare scores with and without the cache on a few labels, and go without it if they differ.

        Attention layers continue rightly from a cache; a few architectures (state-space and linear attention among
        them) take one token at a time there, or keep no such cache.
        """
        import numpy as np
        import torch

        longest = sorted(range(len(encoded[0].tails)), key=lambda i: -len(encoded[0].tails[i]))[:2]
        few = [Encoded(e.head, tuple(e.tails[i] for i in longest)) for e in encoded]
        try:
            cached = self.scores(few)
        except (AttributeError, NotImplementedError, TypeError, ValueError):
            self.cached = False
            return
        self.cached = False
        plain = self.scores(few)
        tolerance = TOLERANCE if self._model.dtype == torch.float32 else HALF_TOLERANCE
        self.cached = bool(np.abs(cached - plain).max() <= tolerance)

    def _blocks(self, encoded: Sequence[Encoded]) -> Iterator[tuple[list[int], NDArray[np.float64]]]:
        """Yield indices and scores of a few prompts at a time, all of the same length, so that none needs padding."""
        if not self.cached:
            yield from (([i], self._plain(e)) for i, e in enumerate(encoded))
            return
        heads = [e.head for e in encoded]
        shared = _common(heads)[: min(map(len, heads)) - 1]
        start = self._forward([shared]).past_key_values if shared else None
        order = sorted(range(len(heads)), key=lambda i: len(heads[i]))
        for length, group in itertools.groupby(order, key=lambda i: len(heads[i])):
            alike, most = list(group), max(1, min(self._batch_size, self._most // length))
            for k in range(0, len(alike), most):
                block = alike[k : k + most]
                yield block, self._continued([encoded[i] for i in block], len(shared), start)

    def _continued(self, block: list[Encoded], read: int, start: Any) -> NDArray[np.float64]:
        """Score the labels of prompts of one length, of which the first tokens have been read already."""
        import torch

        output = self._forward([e.head[read:] for e in block], _copies(start, [0] * len(block)), last=True)
        first = output.logits[:, -1].float().log_softmax(-1)
        starts = torch.tensor([[t[0] for t in e.tails] for e in block], device=self._device)
        result = first.gather(1, starts).double()
        longer = [(i, k) for i, e in enumerate(block) for k, t in enumerate(e.tails) if len(t) > 1]
        longer.sort(key=lambda job: len(block[job[0]].tails[job[1]]))
        while longer:
            steps = max(len(block[i].tails[k]) for i, k in longer) - 1
            shrunk = LOGITS * self._most // CACHED_TOKENS
            most = min(self._most // (len(block[0].head) + steps), shrunk // (steps * first.shape[1]))
            jobs, longer = longer[: max(1, most)], longer[max(1, most) :]
            tails = [block[i].tails[k] for i, k in jobs]
            cache = _copies(output.past_key_values, [i for i, _ in jobs])
            i, k = torch.tensor(jobs, device=self._device).T
            result[i, k] += self._sum(tails, cache)
        values: NDArray[np.float64] = result.cpu().numpy()
        return values

    def _sum(self, tails: list[Ids], cache: Any) -> torch.Tensor:
        """Sum the log-probabilities of all tokens but the first, each continuing its own prompt's cache."""
        import torch

        width = max(map(len, tails))
        # What pads stands after the label, where no token of the label sees it.
        ids = torch.tensor([(*t, *[t[-1]] * (width - len(t))) for t in tails], device=self._device)
        logits = self._forward(ids[:, :-1], cache).logits.float()
        targets = ids[:, 1:, None]
        chosen = logits.gather(-1, targets)[..., 0] - logits.logsumexp(-1)
        lengths = torch.tensor([len(t) - 1 for t in tails], device=self._device)
        mask = torch.arange(width - 1, device=self._device) < lengths[:, None]
        return chosen.double().where(mask, 0.0).sum(1)

    def _plain(self, encoded: Encoded) -> NDArray[np.float64]:
        """Score the labels of one prompt one by one, each sequence read whole."""
        import torch

        sums = []
        for tail in encoded.tails:
            ids = torch.tensor([(*encoded.head, *tail)], device=self._device)
            logits = self._forward(ids, cached=False).logits[:, len(encoded.head) - 1 : -1].float().log_softmax(-1)
            sums.append(logits.gather(-1, ids[:, len(encoded.head) :, None]).double().sum())
        values: NDArray[np.float64] = torch.stack(sums)[None].cpu().numpy()
        return values

    def _forward(self, ids: Any, cache: Any = None, *, last: bool = False, cached: bool = True) -> Any:
        """Read tokens, all sequences of one length, after what the cache holds."""
        import torch

        self.deadline.check()
        batch = torch.as_tensor(ids, device=self._device)
        self.tokens += batch.numel()
        only_last = {"logits_to_keep": 1} if last and self._keeps_last else {}
        return self._model(input_ids=batch, past_key_values=cache, use_cache=cached, **only_last)


def _copies(cache: Any, rows: list[int]) -> Any:
    """Copy these rows of a cache, each as often as it is named; beam search's own reordering does it for all layers."""
    import torch

    if cache is None:
        return None
    taken = copy.deepcopy(cache)
    taken.reorder_cache(torch.tensor(rows))
    return taken
