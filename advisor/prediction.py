"""`advisor predict`: labels and probabilities from the folder that a training left behind."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from pydantic import ValidationError

from advisor.training import MARK, Mark
from probes.data import Rows
from probes.errors import SettingError
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
    progress: Progress = no_progress,
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
    progress : callable

    Returns
    -------
    dict
        `model`, `predictions` (each `row`, `label`, `probability`, `probabilities`), `labelled`, `accuracy` (None
        without labels).
    """
    from probes.unlabelled import load_texts

    mark = read_mark(folder)
    texts = load_texts(
        source,
        text_column=text_column,
        text_pair_column=text_pair_column,
        label_column=label_column,
        usual_text=mark.text_column,
        usual_pair=mark.text_pair_column,
        usual_label=mark.label_column,
    )
    rows = Rows(texts=texts.texts, pairs=texts.pairs, labels=(0,) * len(texts.texts), numbers=texts.numbers)
    table = probabilities(folder, mark, rows, progress)
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


def probabilities(folder: Path, mark: Mark, rows: Rows, progress: Progress) -> NDArray[np.float32]:
    """Return class probabilities, shape (rows, classes)."""
    import numpy as np

    if mark.kind == "bag_of_words":
        import skops.io

        from probes.bag_of_words import FILE, joined

        pipeline = skops.io.load(folder / FILE, trusted=[])
        order = [list(pipeline.classes_).index(name) for name in mark.classes]
        return np.asarray(pipeline.predict_proba(joined(rows))[:, order], dtype=np.float32)
    if mark.kind == "prompt":
        from probes.hardware import inspect_hardware
        from probes.prompting import load_prompt

        return load_prompt(folder, device=inspect_hardware().device, progress=progress).probabilities(rows)
    from scipy.special import softmax

    logits = (_pooled if mark.kind == "pooled" else _stock)(folder, mark, rows, progress)
    return np.asarray(softmax(logits, axis=1), dtype=np.float32)


def _pooled(folder: Path, mark: Mark, rows: Rows, progress: Progress) -> NDArray[np.float32]:  # noqa: ARG001
    """Score with sentence-transformers, as anybody without this project would."""
    import numpy as np
    from sentence_transformers import SentenceTransformer

    from probes.features import quiet_loading

    quiet_loading()
    model = SentenceTransformer(str(folder))
    texts: list[Any] = list(rows.texts) if rows.pairs is None else list(zip(rows.texts, rows.pairs, strict=True))
    blocks = []
    for start in range(0, len(texts), 16 * BATCH):
        blocks.append(model.encode(texts[start : start + 16 * BATCH], batch_size=BATCH, show_progress_bar=False))
        progress("predicting", min(start + 16 * BATCH, len(texts)), len(texts))
    return np.concatenate(blocks)


def _stock(folder: Path, mark: Mark, rows: Rows, progress: Progress) -> NDArray[np.float32]:
    """Score with the stock sequence-classification head, an adapter loaded onto its base model."""
    from transformers import AutoModelForSequenceClassification, AutoTokenizer

    from probes.deadline import Deadline
    from probes.features import evaluating, quiet_loading, run_batches, tokenize
    from probes.hardware import inspect_hardware

    quiet_loading()
    device = inspect_hardware().device
    tokenizer = AutoTokenizer.from_pretrained(folder)
    if mark.kind == "peft":
        from peft import AutoPeftModelForSequenceClassification

        model = AutoPeftModelForSequenceClassification.from_pretrained(folder, num_labels=len(mark.classes))
        model.config.pad_token_id = tokenizer.pad_token_id
    else:
        model = AutoModelForSequenceClassification.from_pretrained(folder, use_safetensors=True)
    model.to(device)
    with evaluating(model):
        return run_batches(
            lambda batch: model(**batch).logits,
            tokenize(tokenizer, rows, mark.max_length),
            tokenizer,
            device=device,
            batch_size=BATCH,
            deadline=Deadline(None),
            progress=progress,
            what="predicting",
        )
