"""When training stops: after a number of pictures, optimiser steps, seconds or floating-point operations."""

from __future__ import annotations

import math
import re
from dataclasses import dataclass
from typing import Literal

from genbench.errors import ConfigError

Unit = Literal["img", "steps", "s", "flop"]

_PATTERN = re.compile(r"^\s*([0-9]*\.?[0-9]+(?:e[+-]?[0-9]+)?)\s*([a-z]+)\s*$", re.IGNORECASE)
_UNITS: dict[str, tuple[Unit, float]] = {
    "img": ("img", 1),
    "kimg": ("img", 1e3),
    "mimg": ("img", 1e6),
    "step": ("steps", 1),
    "steps": ("steps", 1),
    "ksteps": ("steps", 1e3),
    "s": ("s", 1),
    "sec": ("s", 1),
    "min": ("s", 60),
    "m": ("s", 60),
    "h": ("s", 3600),
    "flop": ("flop", 1),
    "gflop": ("flop", 1e9),
    "tflop": ("flop", 1e12),
    "pflop": ("flop", 1e15),
}
_EPOCHS = ("epoch", "epochs")
_HELP = "write a number and a unit, such as 200kimg, 5000steps, 20epochs, 120s, 10min or 2e14flop"


@dataclass(frozen=True)
class Budget:
    """An amount of training in one unit: ``img`` (pictures seen), ``steps``, ``s`` (seconds) or ``flop``."""

    unit: Unit
    amount: float

    @classmethod
    def parse(cls, text: str, *, train_size: int) -> Budget:
        """Read a budget such as ``"200kimg"``; epochs become pictures by ``train_size``.

        Raises:
            ConfigError: when the text is not a positive number with a known unit.
        """
        match = _PATTERN.match(text)
        if match is None:
            raise ConfigError(f"budget {text!r:.80} is not understood: {_HELP}")
        unit = match[2].lower()
        if unit not in _EPOCHS and unit not in _UNITS:
            raise ConfigError(f"budget {text!r:.80} has the unknown unit {match[2]!r:.40}: {_HELP}")
        kind, factor = _UNITS["img" if unit in _EPOCHS else unit]
        amount = float(match[1]) * (train_size if unit in _EPOCHS else factor)
        if not math.isfinite(amount) or amount <= 0:
            raise ConfigError(f"budget {text!r:.80} must be positive and finite: {_HELP}")
        return cls(kind, amount)

    def spent(self, *, pictures: int, steps: int, seconds: float, flop: float) -> float:
        """The share of the budget that is used up, 0 at the start and at least 1 at the end."""
        used = {"img": pictures, "steps": steps, "s": seconds, "flop": flop}[self.unit]
        return used / self.amount

    @property
    def needs_flop(self) -> bool:
        """Whether the floating-point operations of a step must be known to tell when to stop."""
        return self.unit == "flop"

    @property
    def words(self) -> str:
        """For captions: ``120 s of training``, ``2e14 FLOP of training``, ``training on 200,000 pictures``."""
        if self.unit == "s":
            return f"{self.amount:g} s of training"
        if self.unit == "flop":
            return f"{self.amount:g} FLOP of training".replace("e+", "e")
        if self.unit == "img":
            return f"training on {self.amount:,.0f} pictures"
        return f"{self.amount:,.0f} steps of training"

    def __str__(self) -> str:
        if self.unit == "img" and self.amount >= 1e3:
            return f"{self.amount / 1e3:g}kimg"
        return f"{self.amount:g}{self.unit}"
