"""``genbench data``: data sets that are made from what the user has."""

from __future__ import annotations

from pathlib import Path
from typing import cast

from genbench.console import ProgressBars
from genbench.data import DataRequest, load
from genbench.data.mnist import MNIST
from genbench.data.mnist_m_making import Ink, make_mnist_m
from genbench.plugins import check_choice


def make(
    what: str, *, backgrounds: Path, out: Path, data_root: Path | None, download: bool, seed: int, ink: str, quiet: bool
) -> Path:
    """Make data set ``what`` (``mnist-m`` is the one that can be made) in ``out``, and return ``out``.

    Raises:
        ConfigError, DataError: an unknown choice, MNIST's files missing, or as `make_mnist_m` does.
    """
    check_choice("data set that can be made", what, ("mnist-m",))
    check_choice("ink", ink, ("grey", "binary"))
    with ProgressBars(quiet=quiet) as bars:

        def progress(done: int, total: int) -> None:
            bars.stage_started("data", total, "img")
            bars.stage_progress("data", done)

        digits = load(MNIST(), DataRequest(root=data_root, download=download))
        counts = make_mnist_m(digits, backgrounds, out, seed=seed, ink=cast(Ink, ink), progress=progress)
        bars.stage_finished("data", reused=False)
        bars.say(f"{out}: {counts['train']:,} pictures for training, {counts['test']:,} for test")
    return out
