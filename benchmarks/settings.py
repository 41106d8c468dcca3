"""What all benchmarks are told: where, how much, by which interpreters; and the pictures that they share."""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image

from benchmarks.alternating import ROOT, Contender
from benchmarks.reporting import Page
from genbench.data.clevr_render import render_split
from genbench.precision import resolve_device

PEERS = ROOT / "benchmarks" / ".peers" / "bin"


@dataclass(frozen=True)
class Settings:
    """The command line.

    Attributes:
        device: ``auto``, ``cpu``, ``cuda``.
        threads: of every contender.
        rounds: how often each takes its turn.
        amount: multiplies steps and pictures.
        inception: the file of Inception weights, or None.
        scratch: an empty folder for pictures and results.
        command: as typed, for the pages.
        only: cases of `training` whose title contains this.
        compile: whether `training` has contenders with compiled steps, too.
    """

    device: str
    threads: int
    rounds: int
    amount: float
    inception: Path | None
    scratch: Path
    command: str
    only: str = ""
    compile: bool = False

    @cached_property
    def place(self) -> torch.device:
        """The device."""
        return resolve_device(self.device)

    def scaled(self, number: float, least: int = 1) -> int:
        """A number of steps or pictures, at this amount of work."""
        return max(least, round(number * self.amount))

    def ours(self, name: str, module: str, task: Mapping[str, Any]) -> Contender:
        """A contender under genbench's interpreter."""
        return self._contender(name, sys.executable, module, task, {})

    def theirs(self, name: str, module: str, task: Mapping[str, Any]) -> Contender:
        """A contender under the peers' interpreter, which sees nothing of genbench."""
        return self._contender(name, str(PEERS / "python"), module, task, {"PYTHONPATH": ""})

    def page(self, name: str, title: str, introduction: str) -> Page:
        """A page of results."""
        return Page(name, title, introduction, command=self.command, device=self.place, threads=self.threads)

    def pictures(self, count: int, resolution: int, split: str = "train") -> Path:
        """A file of rendered pictures uint8 [N, R, R, 3]."""
        path = self.scratch / f"{split}-{resolution}-{count}.npy"
        if not path.exists():
            np.save(path, render_split(split, count, resolution)[0])
        return path

    def folder(self, count: int, resolution: int, split: str = "train", size: int | None = None) -> Path:
        """The same as a folder of PNG files, enlarged to ``size`` pixels if that is asked for."""
        folder = self.scratch / f"{split}-{resolution}-{count}-{size}"
        if not folder.exists():
            folder.mkdir()
            for number, pixels in enumerate(np.load(self.pictures(count, resolution, split))):
                picture = Image.fromarray(pixels)
                if size is not None:
                    picture = picture.resize((size, size), Image.Resampling.BICUBIC)
                picture.save(folder / f"{number:05}.png")
        return folder

    def _contender(
        self, name: str, python: str, module: str, task: Mapping[str, Any], environment: dict[str, str]
    ) -> Contender:
        names = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS")
        threads = dict.fromkeys(names, str(self.threads))
        command = [python, "-m", f"benchmarks.contenders.{module}", json.dumps({"device": str(self.place), **task})]
        return Contender(name, command, threads | environment)
