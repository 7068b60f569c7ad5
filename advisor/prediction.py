"""`advisor predict`: labels and probabilities from the folder that a training left behind."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from advisor.training import MARK, Mark
from probes.data import Rows
from probes.errors import ModelError, SettingError
from probes.features import Progress, no_progress

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray

BATCH = 64
"""Texts a forward pass reads at once."""


def predict(
    folder: Path,
    source: str,
    *,
    text_column: str | None = None,
    text_pair_column: str | None = None,
    label_column: str | None = None,
    skip_bad_rows: bool = False,
    trust_remote_code: bool = False,
    progress: Progress = no_progress,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Predict a label and class probabilities for each row.

    Parameters
    ----------
    folder : Path
        As `advisor train` left it.
    source : str
        Rows; labels are not needed, and scored where they are there.
    text_column, text_pair_column, label_column : str, optional
        Columns; None takes those of the training, or finds them by name.
    skip_bad_rows : bool
        Pass over rows without usable text.
    trust_remote_code : bool
        Whether code from the model's folder may run; only a model whose base brings its own needs it.
    progress : callable
    say : callable
        Called with a sentence where rows were skipped.

    Returns
    -------
    dict
        `model`, `predictions` (each `row`, `label`, `probability`, `probabilities`), `labelled`, `accuracy` (None
        without labels), `truncated` (rows longer than the model reads).

    Raises
    ------
    InputError
        If the folder holds no finished training, its model needs code that was not trusted, or the rows cannot be read.
    """
    from probes.unlabelled import load_texts

    mark = read_mark(folder)
    if not trust_remote_code:
        _refuse_own_code(folder)
    texts = load_texts(
        source,
        text_column=text_column,
        text_pair_column=text_pair_column,
        label_column=label_column,
        usual_text=mark.text_column,
        usual_pair=mark.text_pair_column,
        usual_label=mark.label_column,
        skip_bad_rows=skip_bad_rows,
    )
    if texts.skipped:
        say(f"skipped {texts.skipped:,} rows without usable text")
    rows = Rows(texts=texts.texts, pairs=texts.pairs, labels=(0,) * len(texts.texts), numbers=texts.numbers)
    table, truncated = probabilities(folder, mark, rows, progress, trust_remote_code=trust_remote_code)
    best = table.argmax(axis=1)
    labelled = [(i, label) for i, label in enumerate(texts.labels) if label is not None]
    right = sum(mark.classes[best[i]] == label for i, label in labelled)
    return {
        "model": str(folder),
        "predictions": [
            {
                "row": number,
                "label": mark.classes[best[i]],
                "probability": round(float(table[i, best[i]]), 6),
                "probabilities": {name: round(float(p), 6) for name, p in zip(mark.classes, table[i], strict=True)},
            }
            for i, number in enumerate(texts.numbers)
        ],
        "labelled": len(labelled),
        "accuracy": right / len(labelled) if labelled else None,
        "truncated": truncated,
    }


def read_mark(folder: Path) -> Mark:
    """Return what the training noted in the folder; refuse a folder that no training finished."""
    if not (folder / MARK).is_file():
        what = "does not exist" if not folder.exists() else f"has no {MARK}: no finished training"
        raise SettingError(f"{folder} {what}", "Give the folder that `advisor train` wrote.")
    try:
        return Mark.model_validate_json((folder / MARK).read_bytes())
    except ValidationError as error:
        raise SettingError(f"{folder / MARK} is damaged ({error.errors()[0]['msg']})", "Train again.") from None


def _refuse_own_code(folder: Path) -> None:
    """Refuse a model that would run code of its own, in words; the libraries would end in a traceback."""
    config = folder / "config.json"
    try:
        own_code = config.is_file() and "auto_map" in json.loads(config.read_text(encoding="utf-8"))
    except ValueError as error:
        raise SettingError(f"{config} is damaged ({error})", "Train again.") from None
    if own_code:
        raise ModelError(
            f"{folder} needs Python code from a model's folder to run (`auto_map` in config.json)",
            "Read that code, then pass --trust-remote-code if you trust it.",
        )


def probabilities(
    folder: Path, mark: Mark, rows: Rows, progress: Progress, *, trust_remote_code: bool = False
) -> tuple[NDArray[np.float32], int]:
    """Return class probabilities, shape (rows, classes), and how many rows were longer than the model reads."""
    import numpy as np

    if mark.kind == "bag_of_words":
        import skops.io

        from probes.bag_of_words import FILE, joined

        pipeline = skops.io.load(folder / FILE, trusted=[])
        order = [list(pipeline.classes_).index(name) for name in mark.classes]
        return np.asarray(pipeline.predict_proba(joined(rows))[:, order], dtype=np.float32), 0
    if mark.kind == "prompt":
        from probes.hardware import inspect_hardware
        from probes.prompting import load_prompt

        prompt = load_prompt(
            folder, device=inspect_hardware().device, progress=progress, trust_remote_code=trust_remote_code
        )
        table = prompt.probabilities(rows)
        return table, prompt.shortened
    from scipy.special import softmax

    logits, truncated = (_pooled if mark.kind == "pooled" else _stock)(folder, mark, rows, progress, trust_remote_code)
    return np.asarray(softmax(logits, axis=1), dtype=np.float32), truncated


def _pooled(
    folder: Path, mark: Mark, rows: Rows, progress: Progress, trust_remote_code: bool
) -> tuple[NDArray[np.float32], int]:
    """Score with sentence-transformers, as anybody without this project would."""
    import numpy as np
    from sentence_transformers import SentenceTransformer

    from probes.features import quiet_loading

    quiet_loading()
    model = SentenceTransformer(str(folder), trust_remote_code=trust_remote_code)
    texts: list[Any] = list(rows.texts) if rows.pairs is None else list(zip(rows.texts, rows.pairs, strict=True))
    blocks = []
    for start in range(0, len(texts), 16 * BATCH):
        blocks.append(model.encode(texts[start : start + 16 * BATCH], batch_size=BATCH, show_progress_bar=False))
        progress("predicting", min(start + 16 * BATCH, len(texts)), len(texts))
    return np.concatenate(blocks), _longer(model.tokenizer, rows, mark.max_length)


def _stock(
    folder: Path, mark: Mark, rows: Rows, progress: Progress, trust_remote_code: bool
) -> tuple[NDArray[np.float32], int]:
    """Score with the stock sequence-classification head, an adapter loaded onto its base model."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from probes.deadline import Deadline
    from probes.features import evaluating, quiet_loading, run_batches, tokenize
    from probes.hardware import inspect_hardware

    quiet_loading()
    device = inspect_hardware().device
    base = _as_trained(folder, device) if mark.four_bits else {}
    tokenizer = AutoTokenizer.from_pretrained(folder, trust_remote_code=trust_remote_code)
    if mark.kind == "peft":
        from peft import AutoPeftModelForSequenceClassification

        model = AutoPeftModelForSequenceClassification.from_pretrained(
            folder, num_labels=len(mark.classes), trust_remote_code=trust_remote_code, **base
        )
        model.config.pad_token_id = tokenizer.pad_token_id
    else:
        model = AutoModelForSequenceClassification.from_pretrained(
            folder, use_safetensors=True, trust_remote_code=trust_remote_code
        )
    model.to(device)
    with evaluating(model):
        logits = run_batches(
            lambda batch: model(**batch).logits,
            tokenize(tokenizer, rows, mark.max_length),
            tokenizer,
            device=device,
            batch_size=BATCH,
            deadline=Deadline(None),
            progress=progress,
            what="predicting",
        )
    return logits, _longer(tokenizer, rows, mark.max_length)


def _as_trained(folder: Path, device: str) -> dict[str, Any]:
    """Return how a base in four bits is loaded; the adapter learned to mend their rounding, so no other base will do.

    Raises
    ------
    SettingError
        Where this machine cannot hold weights in four bits.
    """
    from probes.adapters import four_bits, quantisation_missing

    lacking = quantisation_missing(device)
    if lacking is not None:
        reason, _, remedy = lacking.partition(": ")
        raise SettingError(
            f"{folder} holds an adapter trained over weights in four bits (QLoRA): {reason}",
            remedy[0].upper() + remedy[1:] + ".",
        )
    return {"quantization_config": four_bits(), "device_map": {"": device}}


def _longer(tokenizer: Any, rows: Rows, max_length: int) -> int:
    """Count the rows that hold more tokens than are read; one more than that is enough to know."""
    from probes.features import tokenize

    return sum(len(e["input_ids"]) > max_length for e in tokenize(tokenizer, rows, max_length + 1))
