"""Which weights of a network are trained: adapters that peft puts around it, in four bits or not, or some layers."""

from __future__ import annotations

import contextlib
import copy
import importlib.util
import math
import re
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from probes.errors import MeasurementFailed, SettingError
from probes.model import ModelFacts
from probes.recipe import Ia3, Lora, SoftPrompt
from probes.soft_prompt import with_prompt

if TYPE_CHECKING:
    from peft import PeftConfig

Layers = Literal["first_quarter", "last_quarter"]


def with_adapter(
    model: Any,
    adapter: Lora | Ia3 | SoftPrompt,
    task: Literal["SEQ_CLS", "FEATURE_EXTRACTION"],
    prompt: tuple[int, ...] = (),
) -> Any:
    """Freeze a model and put an adapter around it.

    Parameters
    ----------
    model : PreTrainedModel
    adapter : Lora, Ia3 or SoftPrompt
    task : {'SEQ_CLS', 'FEATURE_EXTRACTION'}
        Whether the model brings its own head, which is trained along, or is a body whose head stands outside.
    prompt : tuple of int
        Ids of a soft prompt's tokens.

    Returns
    -------
    PeftModel

    Raises
    ------
    SettingError
        If the recipe names layers that the model lacks.
    MeasurementFailed
        If the recipe names none and peft knows none for this architecture.
    """
    from peft import get_peft_model, prepare_model_for_kbit_training

    if isinstance(adapter, SoftPrompt):
        with _old_name():
            return with_prompt(model, prompt)
    # The pooler of BERT-like models stands beside our pooling and would train on nothing.
    pooler = any("pooler" in name for name, _ in model.named_modules())
    spare = r".*pooler.*" if pooler and task == "FEATURE_EXTRACTION" else None
    settings = _lora_config(adapter, task, spare) if isinstance(adapter, Lora) else _ia3_config(adapter, task)
    with _old_name():
        if isinstance(adapter, Lora) and adapter.quantised:
            model = prepare_model_for_kbit_training(model, use_gradient_checkpointing=False)
        try:
            return get_peft_model(model, settings)
        except (ValueError, re.error) as error:
            raise _refused(model, adapter, error) from None


@contextlib.contextmanager
def _old_name() -> Iterator[None]:
    """Pass over a warning: peft asks transformers for an attribute that transformers has renamed."""
    with warnings.catch_warnings():
        warnings.filterwarnings("ignore", message=".*is_gradient_checkpointing.*", category=FutureWarning)
        yield


def _lora_config(lora: Lora, task: str, exclude: str | None) -> PeftConfig:
    from peft import LoraConfig

    targets = lora.target_modules if isinstance(lora.target_modules, str) else list(lora.target_modules)
    return LoraConfig(
        task_type=task,
        r=lora.rank,
        lora_alpha=lora.alpha,
        lora_dropout=lora.dropout,
        use_dora=lora.dora,
        target_modules=targets,
        exclude_modules=exclude,
    )


def _ia3_config(ia3: Ia3, task: str) -> PeftConfig:
    from peft import IA3Config

    targets = None if ia3.target_modules is None else list(ia3.target_modules)
    inputs = list(ia3.feedforward_modules or ()) if targets is not None else None
    return IA3Config(task_type=task, target_modules=targets, feedforward_modules=inputs)


def _refused(model: Any, adapter: Lora | Ia3, error: Exception) -> Exception:
    """Say why peft put no adapter around the model: what the user named, or what nobody knows."""
    from torch import nn

    said = " ".join(str(error).split())[:200]
    if adapter.target_modules == type(adapter)().target_modules:
        return MeasurementFailed(f"peft has no {adapter.kind} for a {model.config.model_type} network ({said})")
    layers = sorted({n.rpartition(".")[2] for n, m in model.named_modules() if isinstance(m, nn.Linear)})
    rest = "all-linear, or some" if isinstance(adapter, Lora) else "some"
    return SettingError(
        f"adapter.target_modules is {adapter.target_modules!r}, which peft cannot use on this model ({said})",
        f"Give {rest} of its linear layers: {', '.join(layers[:20])}.",
    )


def quantisation_missing(device: str) -> str | None:
    """Return why weights cannot lie in four bits on this device, and what mends it; None if they can.

    Examples
    --------
    >>> quantisation_missing("cpu")
    'weights in four bits need a CUDA GPU and this machine has none: run it on one that has, or take lora here'
    """
    if device != "cuda":
        return (
            "weights in four bits need a CUDA GPU and this machine has none: run it on one that has, or take lora here"
        )
    if importlib.util.find_spec("bitsandbytes") is None:
        return "weights in four bits need bitsandbytes, which is not installed: `pip install bitsandbytes`"
    return None


def four_bits() -> Any:
    """Return how weights are loaded for QLoRA: NF4, double quantisation, arithmetic in bfloat16 (Dettmers et al. 2023).

    The head is trained and stays as it is.
    """
    import torch
    from transformers import BitsAndBytesConfig

    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_use_double_quant=True,
        bnb_4bit_compute_dtype=torch.bfloat16,
        llm_int8_skip_modules=["score", "pooler"],
    )


def train_only(body: Any, layers: Layers, facts: ModelFacts) -> None:
    """Freeze a body but for the first or last quarter of its layers, one layer at least.

    Raises
    ------
    MeasurementFailed
        If the body holds no list of as many layers as its config names: some share one layer's weights among all.
    """
    from torch import nn

    stacks = [m for _, m in body.named_modules() if isinstance(m, nn.ModuleList) and len(m) == facts.layers]
    if not stacks:
        raise MeasurementFailed(
            f"{facts.name} ({facts.architecture}) holds no list of its {facts.layers} layers to train a quarter of"
        )
    body.requires_grad_(False)
    count = math.ceil(facts.layers / 4)
    chosen = stacks[0][:count] if layers == "first_quarter" else stacks[0][-count:]
    chosen.requires_grad_(True)


def save_adapter(model: Any, base: ModelFacts, folder: Path) -> None:
    """Write an adapter that names its base by what others can load: the hub id, not a folder of a cache."""
    for config in model.peft_config.values():
        config.base_model_name_or_path = base.model_id
        config.revision = base.revision
    # "auto" would ask the hub whether the vocabulary grew; it did not.
    model.save_pretrained(folder, safe_serialization=True, save_embedding_layers=False)


def merged(body: Any, base: ModelFacts, adapter: Path) -> Any:
    """Return a copy of the body with its adapter in the weights.

    An adapter over weights in four bits learned to mend their rounding too: it is merged into the rounded weights,
    written out in full.
    """
    if not getattr(body.get_base_model(), "is_quantized", False):
        return copy.deepcopy(body).merge_and_unload()
    from peft import PeftModel
    from transformers import AutoModel

    rounded = AutoModel.from_pretrained(
        base.path,
        use_safetensors=True,
        trust_remote_code=base.trust_remote_code,
        quantization_config=four_bits(),
        device_map={"": body.device},
    )
    plain = rounded.dequantize().cpu().float()
    with _old_name():
        return PeftModel.from_pretrained(plain, adapter).merge_and_unload()
