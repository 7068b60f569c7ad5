"""`advisor ask`: the questionnaire in a terminal."""

from __future__ import annotations

import functools
import os
import shlex
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from advisor.cli import options as o
from advisor.cli.output import INTERRUPTED, counting, errors_console, print_json, say, show

if TYPE_CHECKING:
    from advisor.brief import Brief
    from advisor.facts import Facts
    from advisor.questionnaire import Gathered, Interview
    from advisor.questions import Question
    from advisor.request import DataRequest

BACK, ENOUGH, UNKNOWN = "<", ">", "?"
LEGEND = "Enter leaves a question open (don't know), < goes back, > ends the questions, Ctrl-C keeps all for later."


def ask(
    data: Annotated[str | None, typer.Option("--data", help=o.ROWS, metavar="ROWS", show_default=False)] = None,
    model: o.Models = None,
    brief: o.BriefFile = None,
    out: Annotated[Path, typer.Option("--out", help="Where the brief is written.", metavar="FILE")] = Path(
        "brief.yaml"
    ),
    resume: Annotated[
        bool, typer.Option("--resume", help="Go on with the answers of an interrupted `advisor ask` with this --out.")
    ] = False,
    text_column: o.TextColumn = None,
    text_pair_column: o.PairColumn = None,
    label_column: o.LabelColumn = None,
    split_column: o.SplitColumn = None,
    skip_bad_rows: o.SkipBad = False,
    drop_rare_classes: o.DropRare = False,
    trust_remote_code: o.TrustCode = False,
    json: o.Json = False,
) -> int:
    """Ask what matters for the advice, save it as a brief, and advise.

    Only questions that some rule still waits for are asked. What rows and a model say themselves is
    measured. Every answer is kept as soon as it is given.
    """
    from advisor.brief import Brief
    from advisor.brief_file import load_brief
    from advisor.questionnaire import Interview, draft_beside, load_draft, save_draft
    from advisor.request import DataRequest, checked
    from advisor.rules.base import count
    from probes.errors import SettingError
    from probes.files import user_path

    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        raise SettingError(
            "`advisor ask` asks in a terminal, and this is none",
            "Say it in flags: advisor recommend --set rows=5000 --set classes=10, or in a file: --brief brief.yaml.",
        )
    out = user_path(out)
    _check_writable(out)
    draft = draft_beside(out)
    columns: dict[str, object] = {
        "text_column": text_column,
        "text_pair_column": text_pair_column,
        "label_column": label_column,
        "split_column": split_column,
        "skip_bad_rows": skip_bad_rows or None,
        "drop_rare_classes": drop_rare_classes or None,
    }
    given: dict[str, Any] = {name: value for name, value in {"source": data, **columns}.items() if value is not None}
    answers: dict[str, object] | None = None
    if resume:
        flags = [*given, *(["model"] if model else []), *(["brief"] if brief else [])]
        if flags:
            spelled = ", ".join("--" + name.replace("source", "data").replace("_", "-") for name in flags)
            raise SettingError(
                f"--resume goes on with what was asked before; {spelled} would be passed over",
                "Leave them out, or start afresh without --resume.",
            )
        request, answers = load_draft(draft)
        given = {str(name): value for name, value in request.items()}
    elif draft.exists():
        raise SettingError(
            f"{draft} holds the answers of an interrupted `advisor ask`",
            f"Go on with it: {_command('ask', '--resume', *_out(out))}. To start afresh, remove it.",
        )
    elif out.exists() and not (brief and user_path(brief).exists() and user_path(brief).samefile(out)):
        raise SettingError(
            f"{out} exists", f"To change it: {_command('ask', '--brief', out, *_out(out))}. Or give another --out."
        )
    if given and "source" not in given:
        raise SettingError("columns were named, but no rows", "Give the rows too: --data ROWS.")
    rows = checked(DataRequest, str, "See `advisor ask --help`.", **given) if given else None
    base = load_brief(brief) if brief else Brief()
    if model:
        base = Brief.model_validate({**base.model_dump(exclude_unset=True), "models": model})
    interview: Interview | None = None
    try:
        interview = Interview(_gathering(rows, trust_remote_code, quiet=json), base)
        if answers is not None:
            interview.restore(answers, str(draft))
        _ = interview.facts  # what cannot be read is said before anything is asked
        _ask_all(interview, functools.partial(save_draft, draft, interview, given))
    except (KeyboardInterrupt, EOFError):
        if interview is not None and draft.exists():
            kept = count(len(interview.answers), "answer")
            say(f"\nKept in {draft}: {kept}. To go on: {_command('ask', '--resume', *_out(out))}")
        return INTERRUPTED
    return _close(interview, rows, out, draft, json)


def _check_writable(out: Path) -> None:
    """Refuse at once where a brief cannot be written; its folder is made with the first answer that is kept."""
    from probes.errors import SettingError

    if out.is_dir():
        raise SettingError(f"--out {out} is a folder", "Name the file, such as brief.yaml.")
    there = next(folder for folder in out.absolute().parents if folder.exists())
    if not there.is_dir() or not os.access(there, os.W_OK | os.X_OK):
        why = "a folder that must not be written to" if there.is_dir() else "a file"
        raise SettingError(f"--out {out} cannot be written: {there} is {why}", "Name another file.")


def _gathering(rows: DataRequest | None, trust_remote_code: bool, quiet: bool) -> Gathered:
    """Return the function that puts a brief together with what rows, models and machine say, each looked at once."""
    from advisor.advising import profile
    from advisor.facts import gather
    from probes.hardware import glance_at_hardware
    from probes.model import read_model

    hardware = glance_at_hardware()
    read = functools.cache(functools.partial(read_model, trust_remote_code=trust_remote_code))

    @functools.cache
    def profiled(name: str | None) -> Any:
        if rows is None:
            return None
        with counting("reading", quiet) as progress:
            return profile(rows, read(name) if name else None, progress)

    def gathered(brief: Brief) -> Sequence[Facts]:
        names = brief.models or (None,)
        return [gather(brief, profiled(name), read(name) if name else None, hardware) for name in names]

    return gathered


def _ask_all(interview: Interview, save: Any) -> None:
    """Ask until nothing matters any more and the user has looked over the answers."""
    from probes.errors import InputError

    errors_console().print(LEGEND, style="dim")
    group, refused = "", None
    while True:
        question = interview.next()
        if question is None:
            fact = _look_over(interview)
            if fact is None:
                return
            interview.revise(fact)
            continue
        if question.group != group:
            group = question.group
            errors_console().print(f"\n{group}", style="bold")
        if (hint := interview.hint(question)) and refused is None:
            errors_console().print(f"  {hint}", style="dim", markup=False)
        reply = _prompt(
            question, interview.choices(question), interview.shown(question.fact) if refused is None else refused
        )
        refused = None
        try:
            if reply == BACK:
                if not interview.back():
                    say("This is the first question.")
            elif reply == ENOUGH:
                interview.finish()
            else:
                interview.answer(question.fact, reply)
        except InputError as error:
            errors_console().print(f"  {error}", style="red", markup=False)
            refused = reply
        save()


def _prompt(question: Question, options: Sequence[object], former: str) -> str:
    """Ask one question and return what was typed or chosen."""
    import questionary

    if question.kind not in {"choice", "yes-no"}:
        default = "" if former == "don't know" else former
        return str(questionary.text(question.text, default=default, output=_terminal()).unsafe_ask()).strip() or UNKNOWN
    values = ["yes", "no"] if question.kind == "yes-no" else [str(value) for value in options]
    keys = ["y", "n"] if question.kind == "yes-no" else [str(place) for place in range(1, len(values) + 1)]
    choices = [questionary.Choice(value, value, shortcut_key=key) for value, key in zip(values, keys, strict=True)]
    if question.optional:
        choices.append(questionary.Choice("don't know", UNKNOWN, shortcut_key="d"))
    choices.append(questionary.Choice("back", BACK, shortcut_key="b"))
    choices.append(questionary.Choice("enough questions", ENOUGH, shortcut_key="e"))
    default = former if former in values else UNKNOWN if question.optional else values[0]
    return str(
        questionary.select(
            question.text,
            choices,
            default=default,
            instruction="(key or arrows, then Enter)",
            use_shortcuts=True,
            use_jk_keys=False,
            output=_terminal(),
        ).unsafe_ask()
    )


def _look_over(interview: Interview) -> str | None:
    """Show the answers; return the fact to ask about again, None to go on."""
    import questionary

    choices = [questionary.Choice("Show the advice", "")]
    choices += [
        questionary.Choice(f"{shown}  ·  {question.text}", question.fact) for question, shown in interview.answers
    ]
    chosen = questionary.select(
        "Your answers. Is there one to change?",
        choices,
        instruction="(arrows, or type to search, then Enter)",
        use_search_filter=True,
        use_jk_keys=False,
        output=_terminal(),
    ).unsafe_ask()
    return chosen or None


@functools.cache
def _terminal() -> Any:
    """Return the terminal on stderr: stdout is for the advice alone."""
    from prompt_toolkit.output import create_output

    return create_output(stdout=sys.stderr)


def _close(interview: Interview, rows: DataRequest | None, out: Path, draft: Path, json: bool) -> int:
    """Write the brief, advise, and name the next command."""
    from advisor.advice import AdviceDocument
    from advisor.advising import advised
    from advisor.brief_file import to_yaml
    from advisor.flips import setting
    from probes.files import write_text

    write_text(out, to_yaml(interview.brief))
    draft.unlink(missing_ok=True)
    found = [advised(facts) for facts in interview.facts]
    if json:
        print_json(AdviceDocument.of(found))
    else:
        from advisor.report.terminal import advice_page

        show(*(advice_page(advice) for advice in found))
    say(f"The brief is in {out}.")
    if rows is not None:
        models = [word for name in interview.brief.models for word in ("--model", name)]
        next_one = _command("probe", rows.source, *models, "--brief", out)
    else:
        # Nobody goes on from no rows at all.
        flip = next((flip for flip in found[0].flips if len(flip.change) == 1 and flip.change != {"rows": 0}), None)
        supposed = flip.change if flip else {"rows": 5000}
        said = [word for fact, value in supposed.items() for word in ("--set", setting(fact, value))]
        next_one = _command("recommend", "--brief", out, *said)
    say(f"Next: {next_one}")
    return 0


def _out(out: Path) -> list[str]:
    return [] if out == Path("brief.yaml") else ["--out", str(out)]


def _command(*words: object) -> str:
    return shlex.join(["advisor", *map(str, words)])
