"""Errors that end in one clear line for the user, never in a traceback."""

from __future__ import annotations


class GenbenchError(Exception):
    """Something the user can act on. The message is one line: what is wrong, where, what to do.

    ``exit_code`` is what the command line ends with: 2 for bad input, 1 for a run that failed.
    """

    exit_code = 2


class ConfigError(GenbenchError):
    """A configuration value is unknown, malformed or does not fit the data."""


class DataError(GenbenchError):
    """A data file is missing, corrupt or contradicts another."""


class PluginError(GenbenchError):
    """A family, dataset or metric is unknown or its import fails."""


class RunError(GenbenchError):
    """A run started and could not finish."""

    exit_code = 1


class DiskFull(RunError):  # noqa: N818 - a state, as `Diverged` is
    """The disk is full, so that nothing that is computed could be kept; what is on it stays as it is."""


class Diverged(RunError):  # noqa: N818 - the name of a state, not of a mistake
    """Training left the finite numbers or collapsed; raised by a learner with the reason as its message."""


class Pruned(RunError):  # noqa: N818 - the name of a state, not of a mistake
    """A sweep gave the run up, because others had come further by then."""


def shortened(text: str, longest: int) -> str:
    """``text`` in one line of about so many characters: the beginning and the end, where causes stand, whole words."""
    line = " ".join(text.split())
    if len(line) <= longest:
        return line
    half = longest // 2
    return f"{line[:half].rpartition(' ')[0] or line[:half]} … {line[-half:].partition(' ')[2] or line[-half:]}"
