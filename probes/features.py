"""Frozen features: one vector a text, pooled as the model was made to be, computed once and cached."""

from __future__ import annotations

import contextlib
import hashlib
import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from probes.data import Rows
from probes.deadline import Deadline
from probes.files import atomic
from probes.hardware import memory_is_an_outcome, with_fewer_rows
from probes.measurement import NOT_KEPT
from probes.model import ModelFacts, Pooling

if TYPE_CHECKING:
    import numpy as np
    import torch
    from numpy.typing import NDArray

FULL_ROW = 64
"""Tokens of a row below which more rows are read at once: a forward pass over few tokens wastes time. On a CPU, 32 rows
of 16 tokens take 3 to 8 % more time a token than 128."""

PIECE = 100
"""Texts that a tokenizer reads in one call. It takes no longer for all than in a single one, which no deadline could
interrupt: 50,000 texts of 60 words took it 24 s."""

Progress = Callable[[str, int, int], None]
"""Called with what is being done, how much of it is done, and how much there is."""


def no_progress(_what: str, _done: int, _total: int) -> None:
    """Show nothing."""


def sentence_vector(hidden: torch.Tensor, mask: torch.Tensor, pooling: Pooling, *, normalize: bool) -> torch.Tensor:
    """Pool token vectors and bring the result to length 1 where the model was made for it; shapes as in `pool`."""
    from torch.nn.functional import normalize as to_unit_length

    pooled = pool(hidden, mask, pooling)
    return to_unit_length(pooled, dim=1) if normalize else pooled


def pool(hidden: torch.Tensor, mask: torch.Tensor, pooling: Pooling) -> torch.Tensor:
    """Make one vector of each text's token vectors.

    Parameters
    ----------
    hidden : Tensor, shape (batch, tokens, width)
    mask : Tensor of int, shape (batch, tokens)
        1 where a token stands, 0 where it is padding.
    pooling : {'mean', 'cls', 'max', 'last'}
        `mean` as sentence encoders do, `last` token as causal LMs must: only it has read the whole text.

    Returns
    -------
    Tensor, shape (batch, width)
    """
    import torch

    if pooling == "cls":
        return hidden[:, 0]
    if pooling == "last":
        positions = torch.arange(mask.shape[1], device=mask.device)
        last = (mask * positions).argmax(dim=1)  # right for padding on either side
        return hidden[torch.arange(len(hidden), device=hidden.device), last]
    weights = mask.unsqueeze(-1).to(hidden.dtype)
    if pooling == "max":
        return hidden.masked_fill(weights == 0, torch.finfo(hidden.dtype).min).max(dim=1).values
    pooled: torch.Tensor = (hidden * weights).sum(dim=1) / weights.sum(dim=1).clamp(min=1e-9)
    return pooled


def quiet_loading() -> None:
    """Keep transformers' own bars and remarks off the terminal: the user sees our progress."""
    from transformers.utils import logging

    logging.set_verbosity_error()
    logging.disable_progress_bar()


def frozen_dtype(facts: ModelFacts, device: str) -> str:
    """Return the torch dtype in which weights that stay frozen are loaded: causal LMs on CUDA as they are stored."""
    if device != "cuda" or facts.kind != "causal":
        return "float32"
    return facts.dtype if facts.dtype in {"float32", "float16", "bfloat16"} else "bfloat16"


def load_tokenizer(facts: ModelFacts) -> Any:
    """Load the tokenizer of a model, with a padding token, and with the start token where the model expects one."""
    from transformers import AutoTokenizer

    quiet_loading()
    tokenizer = AutoTokenizer.from_pretrained(facts.path, trust_remote_code=facts.trust_remote_code)
    if tokenizer.pad_token_id is None:
        tokenizer.pad_token = tokenizer.eos_token or tokenizer.unk_token
    tokenizer.padding_side = "right"
    tokenizer.truncation_side = "right"
    tokenizer.model_max_length = facts.context
    _ensure_start_token(tokenizer, facts)
    return tokenizer


def _ensure_start_token(tokenizer: Any, facts: ModelFacts) -> None:
    """Make the tokenizer add its start token if its config says it does; some saved files only say so."""
    if not (facts.kind == "causal" or facts.headless_decoder) or tokenizer.bos_token_id is None:
        return
    config = Path(facts.path) / "tokenizer_config.json"
    declared = config.is_file() and json.loads(config.read_text(encoding="utf-8")).get("add_bos_token")
    if not declared or tokenizer("a")["input_ids"][:1] == [tokenizer.bos_token_id]:
        return
    from tokenizers.processors import TemplateProcessing

    bos = tokenizer.bos_token
    tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
        single=f"{bos} $A", pair=f"{bos} $A $B", special_tokens=[(bos, tokenizer.bos_token_id)]
    )


def tokenize(tokenizer: Any, rows: Rows, max_length: int) -> list[dict[str, list[int]]]:
    """Turn rows into token ids, truncated, one mapping a row; both texts of a pair go into one sequence.

    In pieces: the deadline interrupts between two calls of the tokenizer, and none while one is running.
    """
    found: list[dict[str, list[int]]] = []
    for start in range(0, len(rows), PIECE):
        piece = slice(start, start + PIECE)
        second = None if rows.pairs is None else list(rows.pairs[piece])
        encoded = tokenizer(list(rows.texts[piece]), second, truncation=True, max_length=max_length)
        keys = [k for k in encoded if k in ("input_ids", "attention_mask", "token_type_ids")]
        found += [{k: encoded[k][i] for k in keys} for i in range(len(encoded["input_ids"]))]
    return found


@contextlib.contextmanager
def evaluating(model: Any) -> Iterator[None]:
    """Switch dropout and gradients off for a block."""
    import torch

    training = model.training
    model.eval()
    try:
        with torch.inference_mode():
            yield
    finally:
        model.train(training)


def run_batches(
    forward: Callable[[dict[str, Any]], Any],
    encoded: list[dict[str, list[int]]],
    tokenizer: Any,
    *,
    device: str,
    batch_size: int,
    deadline: Deadline,
    progress: Progress,
    what: str,
) -> NDArray[np.float32]:
    """Run a forward function over tokenised rows, rows of like length together, and return its rows in their order.

    Parameters
    ----------
    forward : callable
        From a batch of padded tensors to a tensor of shape (batch, width).
    encoded : list of dict
        As `tokenize` gives it.
    batch_size : int
        Rows a batch; more where they are shorter than `FULL_ROW`, but no more tokens than so many rows of that length.

    Returns
    -------
    ndarray of float32, shape (rows, width)

    Raises
    ------
    OutOfTime
        At the deadline.
    OutOfMemory
        Where memory does not hold one row; as long as it does, fewer are read at a time.
    """
    import numpy as np

    def read(rows: int) -> NDArray[np.float32]:
        texts = f"text{'s' * (rows > 1)} of up to {len(encoded[order[start : start + rows][-1]]['input_ids'])} tokens"
        with memory_is_an_outcome(f"reading {rows} {texts} at a time", rows):
            batch = [encoded[i] for i in order[start : start + rows]]
            padded = tokenizer.pad(batch, padding=True, return_tensors="pt").to(device)
            values: NDArray[np.float32] = forward(dict(padded)).float().cpu().numpy()
        return values

    order = sorted(range(len(encoded)), key=lambda i: len(encoded[i]["input_ids"]))
    blocks: list[NDArray[np.float32]] = []
    start, fits = 0, len(order)
    while start < len(order):
        deadline.check()
        end = min(start + batch_size, len(order))
        while end < len(order) and (end + 1 - start) * len(encoded[order[end]]["input_ids"]) <= batch_size * FULL_ROW:
            end += 1
        wanted = min(end - start, fits)
        blocks.append(with_fewer_rows(read, wanted))
        if len(blocks[-1]) < wanted:
            fits = len(blocks[-1])  # those to come are longer still
        start += len(blocks[-1])
        progress(what, start, len(order))
    stacked = np.concatenate(blocks).astype(np.float32)
    result = np.empty_like(stacked)
    result[order] = stacked
    return result


@contextlib.contextmanager
def _alone(file: Path) -> Iterator[None]:
    """Hold off other processes that compute the same; on a folder that cannot be written, nobody is held off."""
    from filelock import FileLock

    # One of 256 locks: files that are left behind stay few, and two keys that share one merely wait.
    lock = FileLock(file.with_name(f"{file.name[:2]}.lock"))
    with contextlib.ExitStack() as held:
        with contextlib.suppress(OSError):
            file.parent.mkdir(parents=True, exist_ok=True)
            held.enter_context(lock)
        yield


class FeatureCache:
    """Vectors on disk, named by everything they depend on.

    Parameters
    ----------
    folder : Path or None
        Where they lie; None keeps them in memory only.
    """

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder
        self._memory: dict[str, NDArray[np.float32]] = {}
        self._news: tuple[str, ...] = ()

    @staticmethod
    def key(
        facts: ModelFacts, rows: Rows, pooling: Pooling, normalize: bool, max_length: int, dtype: str = "float32"
    ) -> str:
        """Return a digest of the model's files, the texts and the way they are read."""
        digest = hashlib.sha256()
        weights = [(f.name, f.stat().st_size, f.stat().st_mtime_ns) for f in sorted(Path(facts.path).glob("*.*"))]
        digest.update(
            json.dumps([facts.model_id, facts.revision, weights, pooling, normalize, max_length, dtype]).encode()
        )
        for text in (*rows.texts, "\0", *(rows.pairs or ())):
            digest.update(text.encode("utf-8", "surrogatepass") + b"\0")
        return digest.hexdigest()[:32]

    def holds(self, key: str) -> bool:
        """Whether vectors lie under this key already."""
        return key in self._memory or (self._folder is not None and (self._folder / f"{key}.npy").is_file())

    def get(self, key: str, compute: Callable[[], NDArray[np.float32]]) -> NDArray[np.float32]:
        """Return the vectors under this key, computing and storing them the first time.

        While one process computes what lies under a key, others wait for it rather than do the same.
        """
        if key in self._memory:
            return self._memory[key]
        file = None if self._folder is None else self._folder / f"{key}.npy"
        if file is None:
            self._memory[key] = compute()
            return self._memory[key]
        values = self._read(file)
        if values is None:
            with _alone(file):
                values = self._read(file)  # by now another process may have stored it
                if values is None:
                    values = compute()
                    self._store(file, values)
        self._memory[key] = values
        return values

    @staticmethod
    def _read(file: Path) -> NDArray[np.float32] | None:
        """Return what a file holds; a file that a crash or another version left unreadable holds nothing."""
        import numpy as np

        with contextlib.suppress(ValueError, OSError, EOFError), file.open("rb") as stream:
            values: NDArray[np.float32] = np.lib.format.read_array(stream, allow_pickle=False)
            return values
        return None

    def _store(self, file: Path, values: NDArray[np.float32]) -> None:
        """Write vectors; where that fails, say so once and keep those to come in memory only."""
        import numpy as np

        try:
            with atomic(file) as part:
                np.save(part, values, allow_pickle=False)
        except OSError as error:
            self._folder = None
            self._news = (f"{NOT_KEPT} {file.parent} ({error.strerror or error}): another run computes them anew",)

    def news(self) -> tuple[str, ...]:
        """Return what the user should hear, once."""
        news, self._news = self._news, ()
        return news
