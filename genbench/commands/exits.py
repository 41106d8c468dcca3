"""Exit codes: 0 done, 1 a run failed or a check is not met, 2 usage or bad input, 130 interrupted."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import typer

from genbench.errors import DiskFull, GenbenchError, RunError, shortened
from genbench.files import NO_SPACE
from genbench.masking import mask_secrets
from genbench.streams import stdout_is_unread

INTERRUPTED = 130
_LONGEST = 2000
_ON_INTERRUPT = "interrupted; the same command again goes on where it stopped"


def guarded(call: Callable[[], Any]) -> int:
    """Run a command; turn what it raises into one line on stderr and an exit code."""
    try:
        Path.cwd()
    except OSError as error:
        _complain(f"the working directory cannot be used ({error.strerror}): change to one that exists")
        return 2
    try:
        result = call()
    except GenbenchError as error:
        _complain(str(error))
        return error.exit_code
    except typer.Exit as error:
        return error.exit_code
    except typer.TyperException as error:
        _complain(_usage(error))
        return 2
    except (KeyboardInterrupt, typer.Abort):
        _complain(_ON_INTERRUPT)
        return INTERRUPTED
    except MemoryError:
        _complain("out of memory: lower the batch size, or what else runs on this machine")
        return RunError.exit_code
    except (OSError, SystemExit) as error:
        return _of_the_system(error)
    if result == INTERRUPTED:  # typer's own answer to Ctrl-C
        _complain(_ON_INTERRUPT)
    return result if isinstance(result, int) else 0


def _of_the_system(error: OSError | SystemExit) -> int:
    """What the operating system refused; Typer and Rich make ends of pipes that break."""
    if stdout_is_unread():
        return 0
    cause = error if isinstance(error, OSError) else error.__context__
    if isinstance(cause, ConnectionError):
        _complain(f"a connection to another process or a server broke ({cause.strerror or cause}): try again")
        return RunError.exit_code
    if isinstance(error, SystemExit):
        raise error
    if error.filename is None and error.errno in NO_SPACE:
        return _output_is_full()
    if error.filename is None:
        raise error
    _complain(f"{os.fsdecode(error.filename)}: {error.strerror}: check the path")
    return 2


def _output_is_full() -> int:
    """Say that what was to be printed did not fit; the interpreter must not try once more at its end."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    _complain("standard output: no space left on the device: free some, or write elsewhere")
    return DiskFull.exit_code


def _usage(error: typer.TyperException) -> str:
    """What is wrong with the command line, and whose help says more."""
    message = str(getattr(error, "format_message", error.__str__)())
    context = getattr(error, "ctx", None)
    return f"{message} (see `{context.command_path if context else 'genbench'} --help`)"


def _complain(message: str) -> None:
    print(f"genbench: {shortened(mask_secrets(message), _LONGEST)}", file=sys.stderr)
