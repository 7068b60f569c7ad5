"""The training config: one pydantic schema, written as YAML with the reason beside each value."""

from __future__ import annotations

import difflib
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from pydantic import Field, ValidationError

from advisor.config_comments import comments
from advisor.yaml_files import read_mapping
from probes.base import Frozen
from probes.errors import SettingError
from probes.measurement import Metric
from probes.recipe import Recipe, Tuning
from strategies import STRATEGIES
from strategies.tuned import Tuned, batch_size, epochs

if TYPE_CHECKING:
    from advisor.decide import Recommendation
    from advisor.request import Request
    from probes.data import TaskData
    from probes.model import ModelFacts


class ModelSection(Frozen):
    """The pretrained model."""

    name: str
    """Alias, hub id or local folder."""
    revision: str | None = None
    """Commit on the hub that was measured; null takes what is there."""
    trust_remote_code: bool = False
    """Whether Python code from the model's folder may run."""


class DataSection(Frozen):
    """The rows."""

    source: str
    """File, folder saved by `datasets`, or hub id."""
    text_column: str
    text_pair_column: str | None = None
    label_column: str
    split_column: str | None = None
    split_seed: int = 0
    """Seed of whatever part of the split is made here; the same seed gives the same test rows."""
    skip_bad_rows: bool = False
    drop_rare_classes: bool = False
    train_rows: int | None = Field(None, ge=2)
    """Training rows to learn from; null takes all."""
    fingerprint: str | None = None
    """Digest of the rows and splits that were measured; training says so if they differ."""


class TrainingConfig(Frozen):
    """Everything one training needs; `advisor train` runs exactly this."""

    version: Literal[1] = 1
    """Version of this schema."""
    task: Literal["text-classification"] = "text-classification"
    strategy: str
    """Name of the strategy that proposed it."""
    metric: Metric = "accuracy"
    """What early stopping and the scores go by."""
    model: ModelSection | None = None
    """The pretrained model; null where none takes part."""
    data: DataSection
    method: Recipe
    """How to train: which method, and its hyperparameters."""


def config_for(request: Request, data: TaskData, choice: Recommendation, model: ModelFacts | None) -> TrainingConfig:
    """Return the config that trains the recommended candidate as it was measured, on all the rows asked for.

    A tuning measured on fewer rows keeps its learning rate, and the rows that memory held at a time; epochs and batch
    size are those for the rows trained on.
    """
    rows = min(len(data.train), request.train_rows or len(data.train))
    method = choice.recipe
    if isinstance(method, Tuning) and choice.train_rows < rows:
        strategy = next((s for s in STRATEGIES if s.name == choice.strategy), None)
        passes = strategy.passes(rows) if isinstance(strategy, Tuned) else epochs(rows)
        changed = {"epochs": passes, "batch_size": batch_size(rows), "gradient_accumulation": 1}
        held = method.rows_at_once if method.gradient_accumulation > 1 else batch_size(rows)
        method = method.model_copy(update=changed).in_parts(held)
    return TrainingConfig(
        strategy=choice.strategy,
        metric=choice.metric,
        model=None
        if model is None
        else ModelSection(
            name=_lasting_name(model),
            revision=model.revision,
            trust_remote_code=model.trust_remote_code,
        ),
        data=DataSection(
            source=_lasting_source(request.data.source),
            text_column=data.columns.text,
            text_pair_column=data.columns.text_pair,
            label_column=data.columns.label,
            split_column=data.columns.split or _passed_over(request.data.split_column),
            split_seed=request.data.split_seed,
            skip_bad_rows=request.data.skip_bad_rows,
            drop_rare_classes=request.data.drop_rare_classes,
            train_rows=request.train_rows,
            fingerprint=data.fingerprint,
        ),
        method=method,
    )


def _passed_over(asked: str | None) -> str | None:
    """Return `none` where the user had a column passed over, so that it is not found by its name in training."""
    return "none" if asked is not None and asked.casefold() == "none" else None


def _lasting_name(model: ModelFacts) -> str:
    """Return a name that still means the model in another folder: paths absolute, aliases and hub ids as they are."""
    return model.model_id if Path(model.name).expanduser().is_dir() else model.name


def _lasting_source(source: str) -> str:
    path = Path(source).expanduser()
    return str(path.resolve()) if path.exists() else source


def load_config(path: Path) -> TrainingConfig:
    """Read and check a training config.

    Raises
    ------
    SettingError
        If the file is missing or no YAML, or a key is unknown, missing or out of range; the message names all of them.
    """
    values = read_mapping(path, "config", "Emit one with `advisor emit RUN --out config.yaml`.")
    try:
        return TrainingConfig.model_validate(values)
    except ValidationError as error:
        problems = "; ".join(_problem(e) for e in error.errors())
        raise SettingError(
            f"{path}: {problems}", "See `advisor schema config` for every key, its type and its range."
        ) from None


def _problem(error: Any) -> str:
    where = ".".join(str(part) for part in error["loc"])
    if error["type"] == "extra_forbidden":
        close = difflib.get_close_matches(str(error["loc"][-1]), _keys(), n=1)
        return f"{where} is not a key{f' (did you mean {close[0]}?)' if close else ''}"
    if error["type"] == "missing":
        return f"{where} is missing"
    if error["type"].startswith("union_tag"):
        if "adapter" in error["loc"]:
            return f"{where}: adapter.kind must be one of lora, ia3, soft_prompt"
        return f"{where}: method.method must be one of bag_of_words, frozen_features, tuning, prompt"
    got = repr(error.get("input"))
    return f"{where} is {got if len(got) <= 60 else got[:57] + '...'}: {error['msg'][0].lower()}{error['msg'][1:]}"


def _keys() -> list[str]:
    schema = TrainingConfig.model_json_schema()
    found = set(schema["properties"])
    for part in schema["$defs"].values():
        found |= set(part.get("properties", {}))
    return sorted(found)


_HEAD = """\
# Training config, written by transfer-advisor. Train it with:
#     advisor train {file}
# {because}
"""


def to_yaml(config: TrainingConfig, choice: Recommendation | None = None, file: str = "config.yaml") -> str:
    """Return the config as YAML with a comment beside each value.

    Parameters
    ----------
    config : TrainingConfig
    choice : Recommendation, optional
        Whose reasons go into the comments.
    file : str
        Name the head of the file uses for itself.

    Returns
    -------
    str
    """
    because = choice.because if choice else f"strategy {config.strategy}"
    lines = _HEAD.format(file=file, because=" ".join(because.split())).splitlines()
    why = comments(config.method)
    if isinstance(config.method, Tuning):
        why["method.learning_rate"] = _why_this_rate(choice)
    _lines(config.model_dump(mode="json"), "", why, lines)
    return "\n".join(lines) + "\n"


def _why_this_rate(choice: Recommendation | None) -> str:
    if choice is None:
        return "peak learning rate of AdamW"
    if not choice.tried:
        return "from its range, which there was no time to search"
    return f"the best of {choice.tried} on validation rows"


def _lines(values: dict[str, Any], prefix: str, why: dict[str, str], lines: list[str]) -> None:
    indent = "  " * prefix.count(".")
    for key, value in values.items():
        path = f"{prefix}{key}"
        comment = why.get(path, "")
        if isinstance(value, dict):
            lines.append(f"{indent}{key}:")
            _lines(value, f"{path}.", why, lines)
        else:
            text = f"{indent}{key}: {_scalar(value)}"
            lines.append(f"{text:<44}  # {comment}" if comment else text)


def _scalar(value: Any) -> str:
    """Write one value as YAML reads it back: JSON is YAML, except that 2e-05 needs a point to be a number."""
    import json

    if isinstance(value, float):
        text = repr(value)
        mantissa, _, exponent = text.partition("e")
        return f"{mantissa}{'' if '.' in mantissa else '.0'}e{exponent}" if exponent else text
    if isinstance(value, list):
        return "[" + ", ".join(_scalar(v) for v in value) + "]"
    # YAML breaks lines at more signs than JSON escapes, and refuses some.
    return "".join(
        c if c.isprintable() else f"\\u{ord(c):04x}" if ord(c) < 0x10000 else f"\\U{ord(c):08x}"
        for c in json.dumps(value, ensure_ascii=False)
    )
