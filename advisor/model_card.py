"""The model card that a training leaves: what it is, what it scored and on which rows, how to load it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import yaml

from probes.recipe import Tuning

if TYPE_CHECKING:
    from advisor.config import TrainingConfig
    from advisor.training import Trained
    from probes.data import TaskData
    from probes.model import ModelFacts

LIBRARIES = {
    "sentence-transformers": "sentence-transformers",
    "peft": "peft",
    "transformers": "transformers",
    "scikit-learn": "sklearn",
}


def model_card(config: TrainingConfig, trained: Trained, data: TaskData, model: ModelFacts | None) -> str:
    """Return the card as Markdown with the header that the hub reads.

    Parameters
    ----------
    config : TrainingConfig
    trained : Trained
    data : TaskData
    model : ModelFacts or None

    Returns
    -------
    str
    """
    library = next((tag for word, tag in LIBRARIES.items() if word in trained.loads_as), None)
    header: dict[str, object] = {"pipeline_tag": "text-classification", "tags": ["transfer-advisor", config.strategy]}
    if library:
        header["library_name"] = library
    # The architecture with random weights inherits nothing from the model that lent it.
    base = None if isinstance(config.method, Tuning) and config.method.weights == "random" else model
    origin = f"none: {model.model_id}'s architecture from random weights" if model else "none: nothing was transferred"
    inherited = (
        " What the base model inherited from\nits training data, biases included, it still holds." if base else ""
    )
    if base is not None:
        header["base_model"] = base.model_id
        if base.licence:
            header["license"] = base.licence
    classes = ", ".join(f"`{_plain(name)}`" for name in data.classes)
    warning = "" if trained.converged else f"\n**Not converged**: {trained.why_not}.\n"
    return f"""---
{yaml.safe_dump(header, sort_keys=False, allow_unicode=True).strip()}
---

# {config.strategy} for text classification

Trained with transfer-advisor by the config in `config.yaml`.
{warning}
| | |
|---|---|
| base model | {base.model_id if base else origin} |
| {trained.metric} on {trained.test_rows:,} test rows | {trained.test_score:.4f} |
| accuracy, 95 % interval | {trained.accuracy:.4f} [{trained.test_low:.4f}, {trained.test_high:.4f}] |
| training / validation rows | {trained.train_rows:,} / {trained.validation_rows:,} |
| seconds | {trained.seconds:.0f} |

The test rows chose nothing: hyperparameters and the epoch were chosen on the validation rows.
{data.split_origin}

## Classes

{classes}

## Use

`advisor predict` on this folder, or without transfer-advisor {trained.loads_as}.

## Limits

It knows the {len(data.classes)} classes above and answers one of them for any text.{inherited}
"""


def _plain(name: str) -> str:
    """Return a class name that cannot end its code span or its line."""
    return " ".join(name.replace("`", "'").split())
