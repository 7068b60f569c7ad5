"""Prompting: scores against a plain computation, token boundaries, demonstrations, truncation, calibration, saving."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from scipy.special import log_softmax, softmax

from probes.data import Columns, Rows, TaskData
from probes.deadline import Deadline
from probes.errors import DataError, MeasurementFailed, OutOfTime, SettingError
from probes.hardware import Hardware
from probes.likelihood import Encoded, LabelEncoder, LabelLikelihood
from probes.model import ModelFacts, read_model
from probes.prompting import CONTENT_FREE, FittedPrompt, fit_prompt, load_causal_lm, load_prompt
from probes.recipe import Prompt
from probes.wording import Writer, compose, label_words
from probes.workbench import Workbench

STORIES = Path(__file__).parents[2].parent / "shared" / "models" / "stories260K"
TEXTS = [
    "my card never came",
    "the card payment failed twice at the shop",
    "how do I top up",
    "top up with cash please",
    "where is my card",
    "a payment I did not make",
    "the card",
    "please cancel the payment and send the money back to my card as soon as you can",
    "cash",
]
CLASSES = ("card", "card_payment", "top_up")
CHAT = (
    "{{ bos_token }}{% for m in messages %}[{{ m.role }}] {{ m.content | trim }} [end]\n{% endfor %}"
    "{% if add_generation_prompt %}[assistant] {% endif %}"
)


def rows(count: int = 9, *, pairs: bool = False, first: int = 1) -> Rows:
    texts = tuple(TEXTS[i % len(TEXTS)] for i in range(count))
    return Rows(
        texts=texts,
        pairs=tuple(reversed(texts)) if pairs else None,
        labels=tuple(i % 3 for i in range(count)),
        numbers=tuple(range(first, first + count)),
    )


def bench(
    facts: ModelFacts, *, classes: tuple[str, ...] = CLASSES, train: Rows | None = None, **more: Any
) -> Workbench:
    train = train or rows()
    data = TaskData(
        source="rows.csv",
        fingerprint="0",
        columns=Columns(text="text", label="label"),
        classes=classes,
        train=train,
        validation=train,
        test=train,
        split_origin="made up",
        split_seed=0,
    )
    hardware = Hardware(
        device="cpu", device_name="CPU", cores=1, memory_bytes=10**9, device_memory_bytes=None, bf16=False
    )
    return Workbench(data=data, model=facts, hardware=hardware, **more)


def tokenizer(kind: str, *, eos: bool = True) -> Any:
    """A word-level tokenizer, which drops line ends, or a byte-level or unsplit BPE, which keep them."""
    from tokenizers import Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    special = ["<unk>", "<s>", "</s>", "[end]"]
    corpus = [f"Text: {t}\nLabel: {c.replace('_', ' ')}\n\n" for t in TEXTS for c in CLASSES] * 3
    if kind == "words":
        inner = Tokenizer(models.WordLevel(unk_token="<unk>"))
        inner.pre_tokenizer = pre_tokenizers.Whitespace()
        trainer: Any = trainers.WordLevelTrainer(special_tokens=special)
    else:
        inner = Tokenizer(models.BPE())
        if kind == "bytes":
            inner.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False)
            inner.decoder = decoders.ByteLevel()
        trainer = trainers.BpeTrainer(
            vocab_size=400,
            special_tokens=special,
            initial_alphabet=pre_tokenizers.ByteLevel.alphabet() if kind == "bytes" else [],
            show_progress=False,
        )
    inner.train_from_iterator(corpus, trainer)
    return PreTrainedTokenizerFast(
        tokenizer_object=inner, unk_token="<unk>", bos_token="<s>", eos_token="</s>" if eos else None
    )


def save_model(folder: Path, architecture: str, tok: Any, *, context: int = 256) -> ModelFacts:
    from transformers import GPT2Config, GPT2LMHeadModel, LlamaConfig, LlamaForCausalLM

    torch.manual_seed(0)
    ids = {"bos_token_id": tok.bos_token_id, "eos_token_id": tok.eos_token_id, "pad_token_id": 0}
    if architecture == "llama":
        config = LlamaConfig(
            vocab_size=len(tok),
            hidden_size=32,
            intermediate_size=48,
            num_hidden_layers=2,
            num_attention_heads=4,
            num_key_value_heads=2,
            max_position_embeddings=context,
            initializer_range=0.3,
            **ids,
        )
        model: Any = LlamaForCausalLM(config)
    else:
        config = GPT2Config(
            vocab_size=len(tok), n_embd=32, n_layer=2, n_head=4, n_positions=context, initializer_range=0.3, **ids
        )
        model = GPT2LMHeadModel(config)
    model.save_pretrained(folder)
    tok.save_pretrained(folder)
    return read_model(str(folder))


@pytest.fixture(scope="module", params=[("llama", "bytes"), ("gpt2", "words"), ("llama", "unsplit"), "stories260K"])
def facts(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> ModelFacts:
    if request.param == "stories260K":
        if not STORIES.is_dir():
            pytest.skip(f"{STORIES.name} does not lie beside the checkout")
        return read_model(str(STORIES))
    architecture, kind = request.param
    return save_model(tmp_path_factory.mktemp("model"), architecture, tokenizer(kind))


@pytest.fixture(scope="module")
def llama(tmp_path_factory: pytest.TempPathFactory) -> ModelFacts:
    return save_model(tmp_path_factory.mktemp("llama"), "llama", tokenizer("bytes"))


def recipe(**changes: Any) -> Prompt:
    return Prompt(**{"max_length": 256, "batch_size": 4, **changes})


def sequence_log_probability(model: Any, ids: list[int]) -> float:
    """Log-probability of a whole sequence but its first token, from one uncached pass."""
    with torch.inference_mode():
        logits = model(input_ids=torch.tensor([ids]), use_cache=False).logits[0].double()
    return float(logits[:-1].log_softmax(-1).gather(1, torch.tensor(ids[1:])[:, None]).sum())


def reference(fitted: FittedPrompt, facts: ModelFacts, tok: Any, texts: tuple[str, ...], end: str) -> np.ndarray:
    """Sequence log-probabilities of prompt and label tokenised together, spelled out by hand."""
    model = load_causal_lm(facts, "cpu")
    words = fitted.document.words
    shown = "".join(f"Text: {d.text}\nLabel: {words[d.label]}\n\n" for d in fitted.document.demonstrations)
    dropped = end and tok(end)["input_ids"] == tok("")["input_ids"]  # by a tokenizer that knows no line ends
    tail = [tok.eos_token_id] if dropped else []
    return np.array(
        [
            [
                sequence_log_probability(
                    model,
                    tok(f"{fitted.document.instruction}\n\n{shown}Text: {t}\nLabel: {w}{end}")["input_ids"] + tail,
                )
                for w in words
            ]
            for t in texts
        ]
    )


@pytest.mark.parametrize("shots", [0, 4])
def test_probabilities_are_those_of_a_plain_computation(facts: ModelFacts, shots: int) -> None:
    work = bench(facts)
    fitted = fit_prompt(recipe(shots=shots, calibration="none"), work, rows())
    plain = reference(fitted, facts, work.tokenizer, rows().texts, "\n\n")
    assert len(fitted.document.demonstrations) == shots
    assert fitted.notes == ()
    got = np.log(fitted.probabilities(rows()))
    np.testing.assert_allclose(got, log_softmax(plain, axis=1), atol=1e-4)


def test_calibration_divides_by_the_probability_without_content(facts: ModelFacts) -> None:
    work = bench(facts)
    fitted = fit_prompt(recipe(shots=3), work, rows())
    plain = reference(fitted, facts, work.tokenizer, (*rows().texts, *CONTENT_FREE), "\n\n")
    probabilities = softmax(plain, axis=1)
    expected = probabilities[:-3] / probabilities[-3:].mean(axis=0)
    got = fitted.probabilities(rows())
    np.testing.assert_allclose(got, expected / expected.sum(axis=1, keepdims=True), atol=1e-4)
    np.testing.assert_allclose(got.sum(axis=1), 1, atol=1e-5)
    assert got.shape == (9, 3)
    assert got.dtype == np.float32


@pytest.mark.parametrize("batch_size", [1, 3, 64])
def test_batches_and_chunks_change_nothing(facts: ModelFacts, batch_size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    work = bench(facts)
    one = fit_prompt(recipe(shots=2), work, rows()).probabilities(rows())
    monkeypatch.setattr("probes.likelihood.CACHED_TOKENS", 300)
    many = fit_prompt(recipe(shots=2, batch_size=batch_size), work, rows()).probabilities(rows())
    np.testing.assert_allclose(one, many, atol=1e-5)


def test_each_row_alone_scores_as_among_others(facts: ModelFacts) -> None:
    fitted = fit_prompt(recipe(shots=2), bench(facts), rows())
    alone = np.concatenate([fitted.probabilities(rows().take([i])) for i in range(9)])
    np.testing.assert_allclose(alone, fitted.probabilities(rows()), atol=1e-5)


def test_an_architecture_without_a_usable_cache_is_read_plainly(
    llama: ModelFacts, monkeypatch: pytest.MonkeyPatch
) -> None:
    rightly = fit_prompt(recipe(), bench(llama), rows()).probabilities(rows())
    monkeypatch.setattr("probes.likelihood._copies", lambda cache, rows: None)  # forgets what was read
    fitted = fit_prompt(recipe(), bench(llama), rows())
    assert any("cached prompt" in note for note in fitted.notes)
    np.testing.assert_allclose(fitted.probabilities(rows()), rightly, atol=1e-5)


class Merging:
    """A tokenizer of characters that makes one token of ': c' and of a line end before a digit."""

    bos_token_id, eos_token_id = 1, 2

    def __call__(self, text: str, **_: Any) -> dict[str, list[int]]:
        return {"input_ids": [1, *(ord(c) for c in text.replace(": c", "§").replace("\n0", "¶"))]}


def test_a_boundary_that_merges_for_one_label_only_is_kept_as_it_is() -> None:
    encode = LabelEncoder(Merging(), (" cat", " dog"), special_tokens=True)
    encoded = encode("Label:")
    assert encoded.head == (1, *map(ord, "Label"))
    assert encoded.tails == (tuple(map(ord, "§at")), tuple(map(ord, ": dog")))


def test_labels_tokenised_once_are_checked_on_each_prompt() -> None:
    encode = LabelEncoder(Merging(), ("0", "1"), special_tokens=True, local=True)
    for prompt in ("a:", "b:", "c\n", "d:"):
        assert [(*encode(prompt).head, *t) for t in encode(prompt).tails] == [
            tuple(Merging()(prompt + label)["input_ids"]) for label in "01"
        ]


@pytest.mark.parametrize("shots", [0, 3])
def test_local_and_joint_tokenisation_agree(facts: ModelFacts, shots: int) -> None:
    work = bench(facts)
    document, _ = compose(recipe(shots=shots), work, rows())
    writer = Writer(document, work.tokenizer, 256)
    for text in (*TEXTS, "", " ", "card", "Label:", "\n\n", "0 ü 中 🙂"):
        prompt = writer.write(text, None)
        joint, local = writer.encode.joint(prompt), writer.encode(prompt)
        assert [(*local.head, *t) for t in local.tails] == [(*joint.head, *t) for t in joint.tails]


def test_a_label_that_begins_another_gets_an_end(facts: ModelFacts) -> None:
    work = bench(facts)
    document, _ = compose(recipe(), work, rows())
    encoded = Writer(document, work.tokenizer, 256).encode(f"{document.instruction}\n\nText: a\nLabel:")
    for a in encoded.tails:
        assert not any(a is not b and b[: len(a)] == a for b in encoded.tails)


def test_an_end_is_asked_for_only_where_needed(llama: ModelFacts) -> None:
    work = bench(llama, classes=("card", "cash", "top up"))
    fitted = fit_prompt(recipe(calibration="none"), work, rows())
    plain = reference(fitted, llama, work.tokenizer, rows().texts, "")
    np.testing.assert_allclose(np.log(fitted.probabilities(rows())), log_softmax(plain, axis=1), atol=1e-4)


def test_without_any_token_that_ends_it_such_a_label_is_refused(tmp_path: Path) -> None:
    model = save_model(tmp_path, "llama", tokenizer("words", eos=False))
    with pytest.raises(MeasurementFailed, match="begins another"):
        fit_prompt(recipe(), bench(model), rows())


def test_labels_that_the_tokenizer_cannot_tell_apart_are_refused(tmp_path: Path) -> None:
    model = save_model(tmp_path, "llama", tokenizer("words"))
    with pytest.raises(MeasurementFailed, match="same tokens"):
        fit_prompt(recipe(), bench(model, classes=("zyx", "xyz", "yzx")), rows())


def test_how_classes_are_numbered_changes_no_prediction(facts: ModelFacts) -> None:
    order = [2, 0, 1]
    renumbered = tuple(CLASSES[i] for i in order)
    again = rows().model_copy(update={"labels": tuple(order.index(label) for label in rows().labels)})
    one = fit_prompt(recipe(shots=5), bench(facts), rows())
    two = fit_prompt(recipe(shots=5), bench(facts, classes=renumbered, train=again), again)
    assert [d.number for d in one.document.demonstrations] == [d.number for d in two.document.demonstrations]
    np.testing.assert_allclose(one.probabilities(rows())[:, order], two.probabilities(rows()), atol=1e-6)


def test_demonstrations_come_from_the_training_rows_given_and_the_classes_take_turns(llama: ModelFacts) -> None:
    train = rows(30, first=100)
    seen = set()
    for seed in range(5):
        document, _ = compose(recipe(shots=7, seed=seed), bench(llama), train)
        shown = document.demonstrations
        numbers = [d.number for d in shown]
        assert set(numbers) <= set(train.numbers)
        assert len(set(numbers)) == 7
        assert sorted([d.label for d in shown].count(k) for k in range(3)) == [2, 2, 3]
        assert all(d.text == train.texts[d.number - 100] and d.label == train.labels[d.number - 100] for d in shown)
        assert compose(recipe(shots=7, seed=seed), bench(llama), train)[0] == document
        seen.add(tuple(numbers))
    assert len(seen) == 5


def test_a_rare_class_is_shown_before_any_class_comes_twice(llama: ModelFacts) -> None:
    train = rows(30).model_copy(update={"labels": (0,) * 28 + (1, 2)})
    document, _ = compose(recipe(shots=3), bench(llama), train)
    assert sorted(d.label for d in document.demonstrations) == [0, 1, 2]


def test_demonstrations_that_do_not_fit_are_left_out_and_counted(llama: ModelFacts) -> None:
    fitted = fit_prompt(recipe(shots=9, max_length=100), bench(llama), rows())
    shown = len(fitted.document.demonstrations)
    assert 0 < shown < 9
    assert f"{shown} of 9 demonstrations in the prompt: the others do not fit" in fitted.notes
    assert "only 9 training rows" in fit_prompt(recipe(shots=12, max_length=256), bench(llama), rows()).notes[0]


def test_long_texts_lose_their_end_and_are_counted(facts: ModelFacts) -> None:
    work = bench(facts)
    fitted = fit_prompt(recipe(max_length=100, shots=1), work, rows())
    long = rows(3).model_copy(update={"texts": ("top up " + "cash " * 500, "the card", "word " * 90)})
    assert np.isfinite(fitted.probabilities(long)).all()
    assert fitted.shortened == 2
    assert fitted.notes[-1].startswith("2 of 3 texts were too long for 100 tokens")
    writer = Writer(fitted.document, work.tokenizer, facts.context)
    encoded, shortened = writer.fit(long.texts[0], None)
    assert shortened
    assert 90 < len(encoded) <= 100
    text = work.tokenizer.decode(encoded.head)
    assert "top up" in text
    for demonstration in fitted.document.demonstrations:
        label = fitted.document.words[demonstration.label]
        assert writer.write("", None).count(f"Label: {label}\n") == 1


@pytest.mark.parametrize("turned", [False, True])
def test_the_longer_text_of_a_pair_is_shortened_first(llama: ModelFacts, turned: bool) -> None:
    work = bench(llama, train=rows(pairs=True))
    document, _ = compose(recipe(max_length=70), work, rows(pairs=True))
    texts = ("cash", "payment " * 100)
    encoded, shortened = Writer(document, work.tokenizer, 256).fit(*(reversed(texts) if turned else texts))
    prompt = work.tokenizer.decode(encoded.head)
    assert shortened
    assert ("Second text: cash\n" if turned else "First text: cash\n") in prompt
    assert 2 < prompt.count("payment") < 60


def test_class_names_that_do_not_fit_are_left_out_and_said(llama: ModelFacts) -> None:
    classes = tuple(f"card_payment_{i}" for i in range(60))
    fitted = fit_prompt(recipe(max_length=80), bench(llama, classes=classes), rows())
    assert fitted.document.instruction == ""
    assert "names of the 60 classes" in fitted.notes[0]
    assert fitted.probabilities(rows()).shape == (9, 60)


def test_a_model_that_holds_no_prompt_is_not_measured(llama: ModelFacts) -> None:
    with pytest.raises(MeasurementFailed, match="8 tokens hold no prompt"):
        fit_prompt(recipe(max_length=8), bench(llama), rows())


def test_pairs_fill_their_own_template(llama: ModelFacts) -> None:
    work = bench(llama, train=rows(pairs=True))
    fitted = fit_prompt(recipe(shots=1), work, rows(pairs=True))
    prompt = Writer(fitted.document, work.tokenizer, 256).write("a {pair}", "b {text}")
    assert prompt.endswith("First text: a {pair}\nSecond text: b {text}\nLabel:")
    assert fitted.probabilities(rows(pairs=True)).shape == (9, 3)
    with pytest.raises(DataError, match="made for two texts"):
        fitted.probabilities(rows())


def test_a_chat_template_makes_turns_and_the_label_starts_the_answer(tmp_path: Path) -> None:
    tok = tokenizer("bytes")
    tok.chat_template = CHAT
    model = save_model(tmp_path, "llama", tok)
    work = bench(model)
    fitted = fit_prompt(recipe(shots=1, calibration="none"), work, rows())
    assert fitted.document.chat
    (shown,) = fitted.document.demonstrations
    prompt = (
        f"<s>[user] {fitted.document.instruction}\n\nText: {shown.text}\nLabel: [end]\n"
        f"[assistant] {fitted.document.words[shown.label]} [end]\n[user] Text: cash\nLabel: [end]\n[assistant] "
    )
    assert Writer(fitted.document, work.tokenizer, 256).write("cash", None) == prompt
    one = rows(1).model_copy(update={"texts": ("cash",)})
    plain = [
        sequence_log_probability(
            load_causal_lm(model, "cpu"), work.tokenizer(f"{prompt}{w}[end]", add_special_tokens=False)["input_ids"]
        )
        for w in fitted.document.words
    ]
    np.testing.assert_allclose(np.log(fitted.probabilities(one))[0], log_softmax(plain), atol=1e-4)


def test_a_chat_template_that_refuses_is_an_outcome(tmp_path: Path) -> None:
    tok = tokenizer("bytes")
    tok.chat_template = "{{ raise_exception('no such turns') }}"
    with pytest.raises(MeasurementFailed, match="no such turns"):
        fit_prompt(recipe(), bench(save_model(tmp_path, "llama", tok)), rows())


def test_saved_and_loaded_it_gives_the_same_probabilities(facts: ModelFacts, tmp_path: Path) -> None:
    fitted = fit_prompt(recipe(shots=3), bench(facts), rows())
    how = fitted.save(tmp_path / "out")
    assert "advisor predict" in how
    loaded = load_prompt(tmp_path / "out", device="cpu")
    assert loaded.document == fitted.document
    assert loaded.classes == CLASSES
    np.testing.assert_array_equal(loaded.probabilities(rows()), fitted.probabilities(rows()))
    names = {"model_id", "revision", "recipe", "demonstrations", "words", "content_free"}
    assert names <= set(json.loads((tmp_path / "out" / "prompt.json").read_text(encoding="utf-8")))


@pytest.mark.parametrize("content", [None, "{", '{"format": "another"}'])
def test_a_folder_without_a_prompt_is_refused(tmp_path: Path, content: str | None) -> None:
    if content is not None:
        (tmp_path / "prompt.json").write_text(content, encoding="utf-8")
    with pytest.raises(SettingError, match=r"prompt\.json holds no prompt"):
        load_prompt(tmp_path, device="cpu")


def test_the_deadline_holds_in_fitting_and_in_scoring(llama: ModelFacts) -> None:
    with pytest.raises(OutOfTime):
        fit_prompt(recipe(), bench(llama, deadline=Deadline(0)), rows())
    work = bench(llama, deadline=Deadline(600))
    fitted = fit_prompt(recipe(), work, rows())
    work.deadline.__init__(0)  # type: ignore[misc]
    with pytest.raises(OutOfTime):
        fitted.probabilities(rows())
    model = load_causal_lm(llama, "cpu")
    with pytest.raises(OutOfTime):
        LabelLikelihood(model, device="cpu", batch_size=1, deadline=Deadline(0)).scores([Encoded((1,), ((2,), (3,)))])


def test_progress_reaches_its_end_and_tokens_are_counted(llama: ModelFacts) -> None:
    calls: list[tuple[str, int, int]] = []
    fitted = fit_prompt(recipe(shots=2), bench(llama, progress=lambda *call: calls.append(call)), rows())
    assert fitted.tokens > 0
    calls.clear()
    fitted.probabilities(rows())
    assert calls[-1][1:] == (9, 9)
    assert [c[1] for c in calls] == sorted(c[1] for c in calls)


def test_the_prompt_is_read_once_and_not_once_a_label(llama: ModelFacts) -> None:
    classes = tuple(f"card_{i}" for i in range(77))
    fitted = fit_prompt(recipe(), bench(llama, classes=classes), rows())
    encoded = [fitted._writer.fit(text, None)[0] for text in TEXTS]
    before = fitted._likelihood.tokens
    fitted._likelihood.scores(encoded)
    tails = sum(max(len(t) for t in e.tails) - 1 for e in encoded) * 77
    heads = sum(len(e.head) for e in encoded)
    assert fitted._likelihood.tokens - before <= heads + tails
    assert fitted._likelihood.cached


def test_an_encoder_is_refused(llama: ModelFacts) -> None:
    with pytest.raises(MeasurementFailed, match="is an encoder"):
        fit_prompt(recipe(), bench(llama.model_copy(update={"kind": "encoder"})), rows())


def test_nothing_is_chosen_on_validation_rows(llama: ModelFacts) -> None:
    fitted = fit_prompt(recipe(), bench(llama), rows())
    assert fitted.validation_score is None
    assert fitted.trials == ()
    assert fitted.converged
    assert fitted.recipe == recipe()
    assert fitted.probabilities(rows(0)).shape == (0, 3)


def test_label_words_stay_apart() -> None:
    assert label_words(["a-b", "a_b", "x__y", "-1", "1", "_", "é_ü"]) == ("a-b", "a_b", "x y", "-1", "1", "_", "é ü")
    assert label_words(["Card_Arrival", "card arrival"]) == ("Card Arrival", "card arrival")
