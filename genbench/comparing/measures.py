"""What measures are called, which direction is better, and which of them tables for people show."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from genbench import plugins
from genbench.errors import PluginError
from genbench.tables import Better, Column


@dataclass(frozen=True)
class Described:
    """Heading, printed unit, better direction, and whether tables for people show it unasked (files have it anyway)."""

    title: str
    unit: str = ""
    better: Better = "neither"
    shown: bool = False


# In printing order. Metrics that are not here come after these, with their own title and direction.
_KNOWN: Mapping[str, Described] = {
    "accuracy": Described("Accuracy", "", "higher", True),
    "exact_set": Described("Exact set", "", "higher", True),
    "f1": Described("F1 (macro)", "", "higher"),
    "f1_micro": Described("F1 (micro)", "", "higher"),
    "guide_gap": Described("Guide's accuracy above the referee's"),
    "cas": Described("Classification accuracy score", "", "higher"),
    "fid": Described("FID", "", "lower", True),
    "kid": Described("KID", "", "lower", True),
    "fid_inf": Described("FID∞", "", "lower"),
    "inception_score": Described("Inception Score", "", "higher"),
    "precision": Described("Precision", "", "higher", True),
    "recall": Described("Recall", "", "higher", True),
    "density": Described("Density", "", "higher"),
    "coverage": Described("Coverage", "", "higher"),
    "diversity": Described("Diversity"),
    "memorisation": Described("Distance to training"),
    "authenticity": Described("Authenticity", "", "higher"),
    "target_accuracy": Described("Target accuracy", "", "higher", True),
    "target_accuracy_source": Described("Source accuracy", "", "higher"),
    "proxy_a_distance": Described("Proxy A-distance", "", "lower", True),
    "train_s": Described("Training", "s", "lower", True),
    "sample_s": Described("Sampling a picture", "s", "lower", True),
    "parameters": Described("Parameters", "", "neither", True),
    "peak_memory_mb": Described("Peak memory", "MB", "lower", True),
    "sample_memory_mb": Described("Peak memory in sampling", "MB", "lower"),
    "pictures_per_s": Described("Training speed", "pictures/s", "higher"),
    "samples_per_s": Described("Sampling speed", "pictures/s", "higher"),
    "train_pictures": Described("Pictures seen", "", "neither"),
    "train_flop": Described("Training operations", "FLOP", "lower"),
    "sample_flop": Described("Operations a picture", "FLOP", "lower"),
    "evaluations": Described("Network evaluations a picture", "", "lower"),
    "validation_s": Described("Validation", "s", "lower"),
}
_ORDER = list(_KNOWN)

_SEPARATORS = ("/", "_")
"""A metric's refinements are named ``name/part`` and ``name_variant``."""

_EXTRACTORS = {"inception-v3-compat": "Inception-v3", "referee-features": "referee"}
"""Short names of feature extractors, for headings."""

_FEW = 2
"""Identities that differ in more entries than this are told apart by number in headings."""


@dataclass(frozen=True)
class Measure:
    """A column and the (metric, identity) whose values it holds."""

    metric: str
    identity: Mapping[str, Any]
    column: Column


def known_stems() -> list[str]:
    """The names that `describe` knows of itself: the suite's, and those of installed metrics."""
    return [*_ORDER, *(name for name in plugins.names("metrics") if name not in _KNOWN)]


def stem_of(name: str, stems: Sequence[str] | None = None) -> str | None:
    """The longest known name that ``name`` is or refines; None when it is nobody's."""
    fitting = [s for s in stems or known_stems() if name == s or any(name.startswith(s + c) for c in _SEPARATORS)]
    return max(fitting, key=len, default=None)


def describe(name: str) -> Described:
    """Heading, unit, direction and default visibility of a measure, from its name."""
    stem = stem_of(name)
    if stem is None:
        return Described(name)
    described = _KNOWN.get(stem) or _from_plugin(stem)
    rest = name[len(stem) :]
    if not rest:
        return described
    part = rest[1:].replace("_", " ")
    if part == "floor":
        return replace(described, title=f"{described.title} (floor)", better="neither", shown=False)
    listed = rest[0] == "/" and stem == "accuracy" and not rest.endswith(("_object", "_objects"))
    return replace(described, title=f"{described.title} ({part})", shown=described.shown and listed)


def measures(
    records: Sequence[Mapping[str, Any]],
    *,
    exclusive: bool,
    columns: Sequence[str] = (),
    metrics: Sequence[str] = (),
) -> list[Measure]:
    """One column for each metric and identity that occurs, in a fixed order.

    Args:
        records: of runs.
        exclusive: every picture has one class, so that the exact-set rate is the accuracy and need not be shown twice.
        columns: `Report.columns`: what to show, in this order; empty for the default.
        metrics: those that were asked for by name, and so are shown.
    """
    found: list[tuple[str, Mapping[str, Any]]] = []
    for record in records:
        for name, value in record["metrics"].items():
            if (name, value["identity"]) not in found:
                found.append((name, value["identity"]))
    found.sort(key=lambda pair: _rank(pair[0], columns))
    result = []
    for position, (name, identity) in enumerate(found):
        identities = [other for metric, other in found if metric == name]
        number = 1 + sum(metric == name for metric, _ in found[:position])
        key = name if number == 1 else f"{name} [{number}]"
        column = _column(name, identity, key, _difference(identity, identities, number))
        if columns:
            minor = "all" not in columns and not any(is_of(name, wanted) for wanted in columns)
        else:
            doubled = exclusive and name.partition("/")[0] == "exact_set"
            minor = (column.minor or doubled) and name not in metrics
        result.append(Measure(name, identity, replace(column, minor=minor)))
    return result


def is_of(name: str, wanted: str) -> bool:
    """Whether ``name`` is a column that was asked for, or a part of it: ``accuracy/test`` of ``accuracy``."""
    return name == wanted or name.startswith(f"{wanted}/")


def differing(identities: Sequence[Mapping[str, Any]]) -> list[str]:
    """Keys that not all identities have alike."""
    keys = dict.fromkeys(key for identity in identities for key in identity)
    return [key for key in keys if any(identity.get(key) != identities[0].get(key) for identity in identities)]


def _column(name: str, identity: Mapping[str, Any], key: str, difference: str) -> Column:
    described = describe(name)
    title = described.title
    if "extractor" in identity:
        title = f"{title} ({_EXTRACTORS.get(str(identity['extractor']), identity['extractor'])})"
    return Column(
        key,
        title + difference,
        unit=described.unit,
        better=described.better,
        identity=dict(identity),
        minor=not described.shown,
    )


def _difference(identity: Mapping[str, Any], identities: Sequence[Mapping[str, Any]], number: int) -> str:
    """What tells one identity of a metric from the others, for the heading; nothing when there is only one."""
    keys = [key for key in differing(identities) if key != "extractor"]
    if len(identities) == 1:
        return ""
    if not keys or len(keys) > _FEW:
        return f" [{number}]"
    told = [f"{key.replace('_', ' ')} {identity.get(key, 'none')}" for key in keys]
    return f" ({', '.join(told)})"


def _rank(name: str, columns: Sequence[str]) -> tuple[int, int, str]:
    """Asked-for measures in the order asked, then the known order, then the alphabet."""
    stem = stem_of(name) or name
    wanted = [k for k, column in enumerate(columns) if is_of(name, column)]
    return (wanted[0] if wanted else len(columns), _ORDER.index(stem) if stem in _ORDER else len(_ORDER), name)


def _from_plugin(name: str) -> Described:
    """A plug-in's own title and direction; one that cannot be loaded any more has only its name."""
    try:
        metric = plugins.metric(name)
    except PluginError:
        return Described(name)
    return Described(metric.title, "", metric.better, True)
