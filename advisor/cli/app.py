"""`advisor`: the verbs put together, and what happens when one of them fails."""

from __future__ import annotations

import sys
import time
from typing import Annotated

STARTED = time.monotonic()
"""When the process began, as near as we can tell: a budget given on its command line counts imports too."""

import typer  # noqa: E402
import typer.exceptions  # noqa: E402

from advisor.cli import (  # noqa: E402
    ask,
    demo,
    doctor,
    emit,
    explain,
    predict,
    probe,
    profile,
    recommend,
    report,
    rules,
    schema,
    train,
    whatif,
)
from advisor.cli.output import BAD_INPUT, INTERRUPTED, OUR_FAULT, errors_console, print_json  # noqa: E402
from probes.errors import AdvisorError, InputError  # noqa: E402
from probes.files import disk_is_full  # noqa: E402

EPILOG = "Exit codes: 0 confirmed, 3 undecided or refuted, 2 bad input, 1 our fault, 130 interrupted."

app = typer.Typer(
    name="advisor",
    help="How should I adapt a pretrained model? Advice with sources, proven on your own rows before you pay for it.",
    epilog=EPILOG,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _version(wanted: bool) -> None:
    if wanted:
        from importlib.metadata import version

        typer.echo(f"transfer-advisor {version('transfer-advisor')}")
        raise typer.Exit


@app.callback()
def _main(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    pass


for verb in (
    profile.profile,
    ask.ask,
    recommend.recommend,
    explain.explain,
    whatif.whatif,
    probe.probe,
    emit.emit,
    train.train,
    predict.predict,
    report.report,
    rules.rules,
    schema.schema,
    doctor.doctor,
    demo.demo,
):
    app.command(epilog=EPILOG)(verb)


def main(arguments: list[str] | None = None) -> None:
    """Run the command line and exit with the project's exit codes.

    Parameters
    ----------
    arguments : list of str, optional
        Without the program's name; None takes the process's own. A budget among those given counts from this call,
        one on the process's own command line from where the process began.
    """
    sys.exit(_run(sys.argv[1:], STARTED) if arguments is None else _run(arguments, time.monotonic()))


def _run(arguments: list[str], started: float) -> int:
    """Run one verb, which finds the start as the `obj` of its context, and return its exit code."""
    as_json = "--json" in arguments
    try:
        code = app(arguments, standalone_mode=False, obj=started)
    except InputError as error:
        return _refuse(str(error), error.got, error.remedy, as_json)
    except typer.exceptions.TyperException as error:
        message = error.format_message() + _got(error.__cause__)
        context = getattr(error, "ctx", None)
        path = context.command_path if context else "advisor"
        return _refuse(f"{message}\n  → See `{path} --help`.", message, f"See `{path} --help`.", as_json)
    except (KeyboardInterrupt, typer.Abort):
        code = INTERRUPTED
    except BrokenPipeError:  # the reader of our output went away, as `| head` does
        sys.stderr.close()
        return 0
    except Exception as error:
        if disk_is_full(error):
            full = InputError(f"the disk is full: {error}", "Make room there, then run the command again.")
            return _refuse(str(full), full.got, full.remedy, as_json)
        return _fault(error)
    if code == INTERRUPTED:  # typer turns most interruptions into this exit code itself
        errors_console().print("interrupted", style="yellow")
    return int(code or 0)


def _got(cause: BaseException | None) -> str:
    """Return what was typed, where typer's message says only what it should have been."""
    from pydantic import ValidationError

    return f", got {cause.errors()[0]['input']!r}" if isinstance(cause, ValidationError) else ""


def _refuse(text: str, got: str, remedy: str, as_json: bool) -> int:
    if as_json:
        print_json({"error": {"got": got, "remedy": remedy, "code": BAD_INPUT}})
    errors_console().print(text, style="red", markup=False, soft_wrap=True)
    return BAD_INPUT


def _fault(error: Exception) -> int:
    """Report a mistake of ours with what a report needs."""
    import traceback

    if not isinstance(error, AdvisorError):
        traceback.print_exception(error)
    errors_console().print(
        f"This is our fault, not yours: {type(error).__name__}: {error}\n"
        "  → Please report it with the lines above; finished measurements are kept.",
        style="red",
        markup=False,
        soft_wrap=True,
    )
    return OUR_FAULT
