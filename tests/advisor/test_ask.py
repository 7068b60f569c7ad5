"""`advisor ask` in a real terminal: three personas, going back, changing, being interrupted and going on."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pexpect
import pytest

from advisor.brief import Brief
from advisor.brief_file import load_brief
from advisor.questions import ALL

REVIEW = "Your answers. Is there one to change?"
PROMPT = r"\?(?:\x1b\[[\d;]*m)* "
"""What stands before a question, and not before the same text in the list of answers."""
CLEAR = "\x15"
"""Ctrl-U: removes the answer that stands there."""
ESCAPES = re.compile(r"\x1b\[[0-9;?]*[A-Za-z]|\x1b[()=>][A-Z0-9]?|\r")
TEXTS = {question.text: fact for fact, question in ALL.items()} | {REVIEW: "review"}

Ask = Callable[..., "Terminal"]


class Terminal:
    """`advisor ask` in a terminal of its own; answers each question by what it asks for."""

    def __init__(self, arguments: tuple[str, ...], folder: Path, environment: Mapping[str, str]) -> None:
        self.folder = folder
        self.asked: list[str] = []
        self._process = pexpect.spawn(
            sys.executable,
            ["-c", "from advisor.cli.app import main; main()", "ask", *arguments],
            cwd=folder,
            env={**environment, "PROMPT_TOOLKIT_NO_CPR": "1", "TERM": "xterm", "NO_COLOR": "1"},
            encoding="utf-8",
            timeout=20,
            dimensions=(60, 200),
        )
        self._process.delaybeforesend = None
        self._shown = ""

    def question(self) -> str:
        """Wait for the next question, another than the last; return its fact, or "review"."""
        others = [text for text, fact in TEXTS.items() if self.asked[-1:] != [fact]]
        found = self._process.expect([*(PROMPT + re.escape(text) for text in others), pexpect.EOF])
        assert found < len(others), f"no question came: {self._process.before}"
        self.asked.append(TEXTS[others[found]])
        return self.asked[-1]

    def reply(self, keys: str) -> None:
        """Type an answer and Enter."""
        if self.asked and self.asked[-1] in ALL and ALL[self.asked[-1]].kind not in {"choice", "yes-no"}:
            keys = CLEAR + keys
        self._process.send(keys + "\r")

    def wait_for(self, text: str) -> None:
        """Wait until a text stands there."""
        self._process.expect(re.escape(text))

    def interrupt(self) -> None:
        """Press Ctrl-C."""
        self._process.send("\x03")

    def answer_all(self, replies: Mapping[str, str]) -> None:
        """Answer until the review, with Enter (don't know, or the first choice) where nothing is given."""
        while (fact := self.question()) != "review":
            assert len(self.asked) < 60
            self.reply(replies.get(fact, ""))

    def close(self) -> tuple[int, str]:
        """Wait for the end; return exit code and what stood on the screen since the last question."""
        self._process.expect(pexpect.EOF)
        screen = ESCAPES.sub("", str(self._process.before))
        self._process.close()
        return self._process.exitstatus, screen

    def stop(self) -> None:
        """End the process whatever it does."""
        self._process.close(force=True)


@pytest.fixture
def ask(cli_environment: dict[str, str], tmp_path: Path) -> Iterator[Ask]:
    """Return the function that starts `advisor ask` in an empty folder."""
    opened: list[Terminal] = []

    def start(*arguments: str | Path) -> Terminal:
        opened.append(Terminal(tuple(map(str, arguments)), tmp_path, cli_environment))
        return opened[-1]

    yield start
    for terminal in opened:
        terminal.stop()


EIGHT_EXAMPLES = {
    "task": "1", "metric": "1", "target": "0.8", "rows": "8", "classes": "2", "rows_obtainable": "8",
    "unlabelled_rows": "0", "corpus_tokens": "0", "language": "en", "domain_related": "y", "facts_change": "n",
    "expects_shift": "n", "requests_per_month": "600", "data_may_leave": "y", "gpu": "none", "compute": "1",
    "money": "0", "expertise": "1", "upkeep": "1",
}  # fmt: skip
LEGAL_CLAUSES = {
    "task": "1", "metric": "2", "target": "85%", "rows": "3,000", "classes": "12", "rows_obtainable": "5k",
    "label_price": "1.5", "unlabelled_rows": "40k", "corpus_tokens": "20m", "input_tokens": "180", "language": "en",
    "domain": "contract clauses", "domain_related": "y", "domain_overlap": ".3", "facts_change": "n",
    "expects_shift": "n", "retention_required": "n", "requests_per_month": "60k", "data_may_leave": "n",
    "gpu": "24 GB", "gpus": "1", "hours": "8", "expertise": "2", "upkeep": "1",
    "model_kind": "1", "model_parameters": "110m",
}  # fmt: skip
NODE_OF_EIGHT = {
    "task": "5", "metric": "2", "target": "", "rows": "200k", "input_tokens": "300", "output_tokens": "150",
    "language": "en, de", "facts_change": "n", "expects_shift": "n", "retention_required": "y",
    "requests_per_month": "30m", "prompt_tokens": "2k", "token_price": "0.5", "data_may_leave": "n",
    "gpu": "8 x A100-80", "compute": "2", "hours": "72", "money": "5k", "expertise": "3", "upkeep": "2",
    "model_kind": "2", "model_parameters": "7B", "instruction_tuned": "y",
}  # fmt: skip
PERSONAS: dict[str, tuple[dict[str, str], dict[str, object]]] = {
    "8 examples and no GPU": (EIGHT_EXAMPLES, {"target": 0.8, "rows": 8, "gpu_memory_gb": 0.0}),
    "3,000 legal clauses and one 24 GB card": (
        LEGAL_CLAUSES, {"metric": "macro_f1", "target": 0.85, "rows": 3_000, "gpu_memory_gb": 24.0},
    ),
    "200k rows and a node of eight GPUs": (
        NODE_OF_EIGHT, {
            "task": "generation", "metric": "valid_format", "rows": 200_000, "language": "en, de", "gpu": "A100-80",
            "gpus": 8,
        },
    ),
}  # fmt: skip


@pytest.mark.parametrize("persona", PERSONAS)
def test_personas(persona: str, ask: Ask, cli: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    replies, said = PERSONAS[persona]
    terminal = ask()
    terminal.answer_all(replies)
    terminal.reply("")
    code, screen = terminal.close()
    assert code == 0, screen
    assert terminal.asked[:3] == ["task", "metric", "target"]
    assert len(set(terminal.asked)) == len(terminal.asked)  # nothing is asked twice
    brief = load_brief(terminal.folder / "brief.yaml")
    assert {fact: getattr(brief, fact) for fact in said} == said
    assert "The brief is in brief.yaml" in screen
    assert "Next: advisor recommend --brief brief.yaml" in screen
    assert "--set rows=0\n" not in screen  # a flip too, but nobody goes on from no rows
    assert [file.name for file in terminal.folder.iterdir()] == ["brief.yaml"]  # the draft is gone
    again = cli("recommend", "--brief", "brief.yaml", "--json", cwd=terminal.folder)
    assert again.returncode == 0, again.stderr
    assert json.loads(again.stdout)["advice"][0]["strategy"] in screen


def test_the_same_document_comes_from_the_brief(ask: Ask, cli: Callable[..., subprocess.CompletedProcess[str]]) -> None:
    terminal = ask("--json")
    terminal.answer_all(LEGAL_CLAUSES)
    terminal.reply("")
    code, screen = terminal.close()
    assert code == 0, screen
    document = json.loads(screen[screen.index("\n{") : screen.rindex("}\n") + 1])
    again = cli("recommend", "--brief", "brief.yaml", "--json", cwd=terminal.folder)
    assert json.loads(again.stdout) == document


def test_what_is_not_known_stands_in_the_advice(ask: Ask) -> None:
    terminal = ask("--json")
    terminal.answer_all({})
    terminal.reply("")
    code, screen = terminal.close()
    assert code == 0, screen
    document = json.loads(screen[screen.index("\n{") : screen.rindex("}\n") + 1])
    assert "rows" in [unknown["fact"] for unknown in document["unknowns"]]


def test_rows_and_model_are_measured_not_asked(ask: Ask, rows_file: Path, tiny_encoder: Path) -> None:
    terminal = ask("--data", rows_file, "--model", tiny_encoder)
    terminal.answer_all({})
    assert {"rows", "classes", "language", "models", "model_kind", "model_parameters"}.isdisjoint(terminal.asked)
    terminal.reply("")
    code, screen = terminal.close()
    assert code == 0, screen
    assert f"Next: advisor probe {rows_file} --model {tiny_encoder} --brief brief.yaml" in screen


def test_back_and_wrong_and_changed_answers(ask: Ask) -> None:
    terminal = ask()
    for fact, keys in (("task", "1"), ("metric", "1"), ("target", "<"), ("metric", "2"), ("target", "high")):
        assert terminal.question() == fact
        terminal.reply(keys)
    terminal.wait_for("Allowed for target: a number from 0 to 1")
    terminal.wait_for(ALL["target"].text)
    terminal.reply(".9")
    assert terminal.question() == "rows"
    terminal.reply(">")
    assert terminal.question() == "review"
    terminal.reply("good answer")  # types to search
    assert terminal.question() == "metric"
    terminal.reply("b")  # and leaves it as it was
    assert terminal.question() == "review"
    terminal.reply("must be reached")
    assert terminal.question() == "target"
    terminal.reply(".8")
    assert terminal.question() == "review"
    terminal.reply("")
    code, screen = terminal.close()
    assert code == 0, screen
    assert load_brief(terminal.folder / "brief.yaml") == Brief(
        task="text-classification", metric="macro_f1", target=0.8
    )


def test_an_interruption_loses_nothing(ask: Ask) -> None:
    terminal = ask("--out", "plan.yaml")
    for fact, keys in (("task", "1"), ("metric", "1"), ("target", ".9"), ("rows", "700")):
        assert terminal.question() == fact
        terminal.reply(keys)
    interrupted_at = terminal.question()
    terminal.interrupt()
    code, screen = terminal.close()
    assert code == 130
    assert "Kept in .plan.draft.yaml: 4 answers. To go on: advisor ask --resume --out plan.yaml" in screen
    assert not (terminal.folder / "plan.yaml").exists()

    code, screen = ask("--out", "plan.yaml").close()  # must not overwrite them
    assert code == 2
    assert "advisor ask --resume --out plan.yaml" in screen

    terminal = ask("--resume", "--out", "plan.yaml")
    assert terminal.question() == interrupted_at
    terminal.reply(">" if ALL[interrupted_at].kind not in {"choice", "yes-no"} else "e")
    assert terminal.question() == "review"
    terminal.reply("")
    code, screen = terminal.close()
    assert code == 0, screen
    brief = load_brief(terminal.folder / "plan.yaml")
    assert (brief.target, brief.rows) == (0.9, 700)
    assert not (terminal.folder / ".plan.draft.yaml").exists()


def test_a_brief_is_taken_up(ask: Ask, tmp_path: Path) -> None:
    (tmp_path / "brief.yaml").write_text("task: summarisation\ntarget: 0.5\ntolerance: 2\nrows: 900\n")
    code, screen = ask().close()
    assert code == 2
    assert "advisor ask --brief brief.yaml" in screen
    terminal = ask("--brief", "brief.yaml")
    terminal.answer_all({})
    assert {"task", "target", "rows"}.isdisjoint(terminal.asked)
    terminal.reply("")
    code, screen = terminal.close()
    assert code == 0, screen
    brief = load_brief(tmp_path / "brief.yaml")
    assert (brief.task, brief.target, brief.tolerance, brief.rows) == ("summarisation", 0.5, 2.0, 900)


def test_the_folder_of_the_brief_is_made_with_the_first_answer(ask: Ask) -> None:
    terminal = ask("--out", "plans/new/brief.yaml")
    assert terminal.question() == "task"
    terminal.interrupt()
    assert terminal.close()[0] == 130
    assert list(terminal.folder.iterdir()) == []
    terminal = ask("--out", "plans/new/brief.yaml")
    assert terminal.question() == "task"
    terminal.reply("1")
    assert terminal.question() == "metric"
    terminal.reply("e")
    assert terminal.question() == "review"
    terminal.reply("")
    code, screen = terminal.close()
    assert code == 0, screen
    assert [file.name for file in (terminal.folder / "plans" / "new").iterdir()] == ["brief.yaml"]


ITEMS = {
    "task", "metric", "target", "rows", "rows_obtainable", "label_price", "classes", "input_tokens", "output_tokens",
    "language", "domain", "domain_related", "domain_overlap", "facts_change", "retention_required", "expects_shift",
    "shift_kind", "latency_ms", "requests_per_month", "prompt_tokens", "data_may_leave", "gpu", "gpu_hourly_price",
    "hours", "money", "expertise", "upkeep", "models",
}  # fmt: skip
"""What anybody may have to say of a task, its data, its use and the means."""


def test_everything_there_is_to_say_is_asked_of_somebody(ask: Ask) -> None:
    asked: set[str] = set()
    talks = ({"task": "1", "rows": "3k", "rows_obtainable": "9k", "classes": "12", "expects_shift": "y"}, NODE_OF_EIGHT)
    for number, replies in enumerate(talks):
        terminal = ask("--out", f"{number}.yaml")
        terminal.answer_all(replies)
        terminal.interrupt()
        asked |= set(terminal.asked)
    assert asked >= ITEMS, ITEMS - asked


@pytest.mark.parametrize("arguments", [[], ["--json"], ["--resume"]], ids=" ".join)
def test_without_a_terminal_it_says_what_to_do_instead(
    arguments: list[str], cli: Callable[..., subprocess.CompletedProcess[str]], tmp_path: Path
) -> None:
    done = cli("ask", *arguments, cwd=tmp_path)
    assert done.returncode == 2
    assert "terminal" in done.stderr
    assert "advisor recommend --set rows=5000" in done.stderr
    assert bool(done.stdout) is ("--json" in arguments)
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--resume"], "Without one, start `advisor ask` without --resume"),
        (["--resume", "--data", "rows.csv"], "--data would be passed over"),
        (["--text-column", "body"], "--data ROWS"),
        (["--brief", "nowhere.yaml"], "nowhere.yaml does not exist"),
        (["--data", "nowhere.csv"], "nowhere.csv"),
        (["--model", "./nowhere"], "nowhere"),
        (["--out", "."], "--out . is a folder"),
        (["--out", "/proc/version/brief.yaml"], "/proc/version is a file"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_cannot_be_used_is_said_at_once(arguments: list[str], says: str, ask: Ask) -> None:
    terminal = ask(*arguments)
    code, screen = terminal.close()
    assert code == 2
    assert says in screen
    assert list(terminal.folder.iterdir()) == []
