"""The command line: one command per verb, found through the hooks."""

from __future__ import annotations

import argparse
import os
import signal
import sys
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import NoReturn

from assayline import __version__, hooks
from assayline.errors import AssaylineError, MisuseError

from .command import Command

__all__ = ["Command", "commands", "main"]

INTERRUPTED = 130  # 128 + SIGINT, as shells expect


def commands() -> list[Command]:
    """The built-in commands (hook `assayline.commands`)."""
    from . import card, certify, env, explain, flow, gate, init, keeping, line, lineage, lots, metrics, notify  # isort: skip
    from . import model, parity, quarantine, read, rollout, rules, run, scan, score, serve, sources, tags, targets, thinning, today, train, trial, up, why  # isort: skip

    return [
        scan.COMMAND, init.COMMAND, gate.COMMAND, run.COMMAND, up.COMMAND, today.COMMAND, why.COMMAND, line.COMMAND, sources.COMMAND, flow.COMMAND, lots.LOTS, lots.LOT,
        read.COMMAND, rules.COMMAND, quarantine.COMMAND, lineage.COMMAND, tags.COMMAND, certify.COMMAND, notify.COMMAND, targets.COMMAND, thinning.COMMAND, train.COMMAND,
        trial.COMMAND, model.COMMAND, card.COMMAND, explain.COMMAND, score.COMMAND, rollout.COMMAND, serve.COMMAND, env.COMMAND, parity.COMMAND, metrics.COMMAND, keeping.VERIFY, keeping.BACKUP,
        keeping.RESTORE,
    ]  # fmt: skip


class _Parser(argparse.ArgumentParser):
    """Says what is wrong with a call on one line, as every other error is said."""

    def error(self, message: str) -> NoReturn:
        raise MisuseError(f"{message}; see {self.prog} --help")


def parser() -> argparse.ArgumentParser:
    """The parser with every installed command."""
    whole = _Parser(prog="assay", description="The quality gate and delivery line for machine-learning systems.")
    whole.add_argument("--version", action="version", version=f"assay {__version__}")
    whole.add_argument("--debug", action="store_true", help="show a traceback instead of one line when something fails")
    verbs = whole.add_subparsers(dest="command", metavar="COMMAND", required=True)
    for _, command in hooks.offered("assayline.commands"):
        one = verbs.add_parser(command.name, help=command.summary, description=command.summary[:1].upper() + command.summary[1:] + ".")
        command.arguments(one)
        one.set_defaults(run=command.run)
    return whole


def main(arguments: Sequence[str] | None = None) -> int:
    """Run `assay`; returns the exit code."""
    if sys.stdout is None:  # started with a closed output: then nothing is shown, and the exit code still tells
        sys.stdout = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as long as the process
    if sys.stderr is None:
        sys.stderr = open(os.devnull, "w", encoding="utf-8")  # noqa: SIM115 - as long as the process
    for stream in (sys.stdout, sys.stderr):
        reconfigure = getattr(stream, "reconfigure", None)
        if reconfigure is not None:
            reconfigure(errors="backslashreplace")  # a file name that is not UTF-8 must not stop the report
    given = sys.argv[1:] if arguments is None else list(arguments)
    try:
        with _ending_in_order():
            options = parser().parse_args(given)
            code = int(options.run(options))
            sys.stdout.flush()  # here, where what goes wrong is still ours to say
            return code
    except AssaylineError as error:
        if "--debug" in given:
            raise
        _say(str(error))
        return 2
    except KeyboardInterrupt:
        _say("interrupted")
        return INTERRUPTED
    except _Terminated as ended:
        _say("terminated")
        return 128 + ended.signal
    except BrokenPipeError:
        # The reader of our output went away (assay … | head); that is not an error of ours.
        _drop_output()
        return 1
    except OSError as error:
        if "--debug" in given:
            raise
        _drop_output()
        _say(f"{error.filename or 'the output'}: {error.strerror or error}; check the disk, the rights and the limits of this system")
        return 2
    except MemoryError:
        _say("out of memory")
        return 2


class _Terminated(BaseException):
    def __init__(self, number: int) -> None:
        super().__init__(number)
        self.signal = number


@contextmanager
def _ending_in_order() -> Iterator[None]:
    """Lets SIGTERM and SIGHUP end the work as Ctrl-C does: the reading process is ended, half-written files are taken away."""

    def end(number: int, frame: object) -> None:
        raise _Terminated(number)

    if threading.current_thread() is not threading.main_thread():
        yield
        return
    numbers = [number for number in (getattr(signal, name, None) for name in ("SIGTERM", "SIGHUP")) if number is not None]
    # One that is ignored stays ignored: nohup.
    before = {number: signal.signal(number, end) for number in numbers if signal.getsignal(number) == signal.SIG_DFL}
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _drop_output() -> None:
    nowhere = os.open(os.devnull, os.O_WRONLY)
    with suppress(OSError, ValueError, AttributeError):  # a notebook's or a test's output has no descriptor
        os.dup2(nowhere, sys.stdout.fileno())
    os.close(nowhere)


def _say(message: str) -> None:
    # One line whatever is in a file name: line breaks and control characters are shown, not obeyed.
    shown = "".join(char if char.isprintable() else char.encode("unicode_escape", "backslashreplace").decode() for char in message)
    with suppress(OSError, ValueError):  # nobody is left to hear it
        sys.stderr.write(f"assay: {shown}\n")
        sys.stderr.flush()


if __name__ == "__main__":
    sys.exit(main())
