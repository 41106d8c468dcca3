"""What a plug-in is called, and everything that is called after it."""

from __future__ import annotations

import re
from dataclasses import dataclass

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


def _nearest(text: str) -> str:
    """``text`` as a name: words in camel case or joined by other characters become words joined by hyphens."""
    words = re.findall(r"[A-Z]+(?![a-z])|[A-Z]?[a-z]+|[0-9]+", text)
    joined = "-".join(words).lower()
    return joined if _NAME.fullmatch(joined) and len(joined) <= _LONGEST else ""
