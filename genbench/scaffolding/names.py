"""What a plug-in is called, and everything that is called after it."""

from __future__ import annotations

import keyword
import re
import sys
from dataclasses import dataclass
from importlib.util import find_spec

from genbench.errors import ConfigError

_NAME = re.compile(r"[a-z][a-z0-9]*(-[a-z0-9]+)*")
_LONGEST = 40


@dataclass(frozen=True)
class PluginName:
    """The name that users type, such as ``my-flow``.

    Raises:
        ConfigError: unless it is made of lower-case letters and digits, in words joined by hyphens.
    """

    name: str

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            advice = f": how about {near!r}?" if (near := _nearest(self.name)) else ", such as my-flow"
            raise ConfigError(f"{self.name!r} is no name: use lower-case letters, digits and single hyphens{advice}")
        if len(self.name) > _LONGEST:
            raise ConfigError(f"{self.name!r} is longer than {_LONGEST} characters: choose a shorter name")

    @property
    def clash(self) -> str:
        """What else has the name and would be mixed up with it in code and imports; empty when nothing has."""
        word = self.name.replace("-", "_")
        if word in {each.lower() for each in keyword.kwlist}:
            return "a keyword of Python"
        if word in sys.stdlib_module_names:
            return "a module of Python's standard library"
        return "an installed module" if _installed(word) else ""

    @property
    def distribution(self) -> str:
        """As pip knows it: ``genbench-my-flow``."""
        return f"genbench-{self.name}"

    @property
    def package(self) -> str:
        """As Python imports it: ``genbench_my_flow``."""
        return self.distribution.replace("-", "_")

    @property
    def family(self) -> str:
        """The family's class: ``MyFlowFamily``."""
        return "".join(word.capitalize() for word in self.name.split("-")) + "Family"

    @property
    def title(self) -> str:
        """As tables print it: ``My flow``."""
        return self.name.replace("-", " ").capitalize()


def _installed(module: str) -> bool:
    """Whether ``import`` finds it as a module or package; a mere folder at hand is none."""
    try:
        found = find_spec(module)
    except (ImportError, ValueError):
        return False
    return found is not None and found.origin is not None


def _nearest(text: str) -> str:
    """``text`` as a name: words in camel case or joined by other characters become words joined by hyphens."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", text)
    joined = "-".join(words).lower()
    return joined if _NAME.fullmatch(joined) and len(joined) <= _LONGEST else ""
