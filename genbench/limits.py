"""Sizes beyond which input is taken for a mistake or an attack. Each can be raised by an environment variable."""

from __future__ import annotations

import os
from dataclasses import dataclass

from genbench.errors import ConfigError, DataError


@dataclass(frozen=True)
class Limit:
    """The most of something that is taken.

    Attributes:
        variable: the environment variable that replaces the default.
        default: used without it.
        unit: what is counted, in words.
    """

    variable: str
    default: int
    unit: str

    @property
    def value(self) -> int:
        """The limit that holds. Raises `ConfigError` when the variable is not a positive whole number."""
        text = os.environ.get(self.variable, "").strip() or str(self.default)
        if not (text.isascii() and text.isdigit() and len(text) < 20 and int(text)):
            raise ConfigError(f"{self.variable}={text!r:.60}: write a whole number of {self.unit} above 0, or unset it")
        return int(text)

    def check(self, amount: int, where: object) -> None:
        """Raise `DataError` when ``where`` has, or claims, more than the limit."""
        if amount > self.value:
            raise DataError(f"{where}: {amount:,} {self.unit} are {self.too_many}")

    @property
    def too_many(self) -> str:
        """What is wrong, and the way out."""
        return f"more than the {self.value:,} that are taken: if that is meant, set {self.variable} higher"


PIXELS = Limit("GENBENCH_MAX_PIXELS", 2**26, "pixels")
"""Of one picture file: a few bytes of file can claim gigabytes of memory."""
TEXT_BYTES = Limit("GENBENCH_MAX_TEXT_BYTES", 2**28, "bytes")
"""Of one text file (JSON, TOML, lists of labels), unpacked."""
UNPACKED_BYTES = Limit("GENBENCH_MAX_UNPACKED_BYTES", 2**31, "bytes")
"""Of one compressed file of data or weights, unpacked."""
DATA_BYTES = Limit("GENBENCH_MAX_DATA_BYTES", 2**37, "bytes of decoded data")
"""Of all pictures of a data set, or of all their conditions."""
CONDITIONS = Limit("GENBENCH_MAX_CONDITIONS", 10_000, "conditions")
"""Classes or objects of a data set."""
NETWORK_NUMBERS = Limit("GENBENCH_MAX_NETWORK_NUMBERS", 2**32, "numbers")
"""Parameters and buffers of all networks of a family, while they are built."""
GRID_POINTS = Limit("GENBENCH_MAX_GRID_POINTS", 100_000, "configurations")
"""Of a sweep's grid."""
