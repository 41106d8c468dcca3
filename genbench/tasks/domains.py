"""How far apart two domains' features are: as a number, and as a picture."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from genbench.data.base import UInt8Array
from genbench.errors import DataError
from genbench.files import whole_file

Features = npt.NDArray[np.floating[Any]]

FIGURE_POINTS = 400
"""Pictures of each domain that a figure shows."""

_TIMELESS: Mapping[str, dict[str, Any]] = {".png": {}, ".pdf": {"CreationDate": None}}
"""So that the same figure is the same file."""
_DOMAIN_COLOURS = ("#0072b2", "#d55e00")
_DOMAIN_MARKERS = ("o", "^")
CLASS_COLOURS = (
    *("#0173b2", "#de8f05", "#029e73", "#d55e00", "#cc78bc"),
    *("#ca9161", "#fbafe4", "#949494", "#ece133", "#56b4e9"),
)
"""Colours that colour-blind readers tell apart: the palette *colorblind* of M. Waskom's seaborn."""
_CLASS_MARKERS = ("o", "^", "s", "D", "v", "P", "X")
_LONGEST_NAME = 16


@dataclass(frozen=True)
class Embedded:
    """Features [N, D] of pictures of both domains, and their class labels int64 [N]."""

    label: str
    source: Features
    target: Features
    source_labels: npt.NDArray[np.int64]
    target_labels: npt.NDArray[np.int64]


def proxy_a_distance(source: Features, target: Features) -> float:
    """d̂_A = 2·(1 - 2ε), ε the error of a linear classifier that tells source from target features.

    After S. Ben-David et al. (*Analysis of representations for domain adaptation*, NIPS 2006, section 4). The
    classifier is logistic regression on standardised features, trained on a random half of each domain's pictures (the
    same at every call), as many of one as of the other; ε is its error on the rest. An ε above ½ is chance and counts
    as ½.

    Args:
        source: [N, D] with N ≥ 4.
        target: [M, D] with M ≥ 4.

    Returns:
        0 when the domains cannot be told apart, 2 when they always can.

    Raises:
        DataError: when there are fewer than four pictures of a domain, or features that are not finite.
    """
    from sklearn.linear_model import LogisticRegression
    from sklearn.pipeline import make_pipeline
    from sklearn.preprocessing import StandardScaler

    n = min(len(source), len(target))
    if n < 4:
        raise DataError(f"the proxy A-distance needs at least four pictures of each domain, not {n}")
    generator = np.random.default_rng(0)
    chosen = [domain[generator.permutation(len(domain))[:n]] for domain in (source, target)]
    features = np.concatenate(chosen).astype(np.float64)
    if not np.isfinite(features).all():
        raise DataError("the learner's features are not finite numbers")
    domains = np.repeat([0, 1], n)
    training = np.tile(np.arange(n) % 2 == 0, 2)
    classifier = make_pipeline(StandardScaler(), LogisticRegression(C=0.01, max_iter=200))
    classifier.fit(features[training], domains[training])
    error = 1.0 - float(classifier.score(features[~training], domains[~training]))
    return 2.0 * (1.0 - 2.0 * min(error, 0.5))


def tsne(features: Features) -> npt.NDArray[np.float64]:
    """t-SNE in the plane (L. van der Maaten and G. Hinton, JMLR 2008), [N, 2]: the same for the same features."""
    values = np.ascontiguousarray(features, np.float32)
    return _tsne(values.tobytes(), values.shape[1])


@lru_cache(maxsize=4)  # one figure is written in several formats
def _tsne(content: bytes, width: int) -> npt.NDArray[np.float64]:
    from sklearn.decomposition import PCA
    from sklearn.manifold import TSNE

    values = np.frombuffer(content, np.float32).reshape(-1, width).astype(np.float64)
    few = min(50, *values.shape)
    if values.shape[1] > few:
        values = PCA(few, svd_solver="full").fit_transform(values)
    perplexity = min(30.0, max(1.0, (len(values) - 1) / 3))
    embedded = TSNE(perplexity=perplexity, init="pca", max_iter=500, random_state=0).fit_transform(values)
    return np.asarray(embedded, np.float64)


def draw_domains(
    rows: Sequence[Embedded], classes: Sequence[str], target: Path, *, names: Sequence[str], title: str
) -> Path:
    """Draw the features of each row by t-SNE, coloured by class on the left and by domain on the right.

    Args:
        rows: what to draw, one below the other.
        classes: names in index order.
        target: the file to write, PNG or PDF by its name.
        names: of source and target.
        title: above everything.
    """
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(11, 0.6 + 4.4 * len(rows)), layout="constrained")
    FigureCanvasAgg(figure)
    figure.suptitle(title)
    axes = figure.subplots(len(rows), 2, squeeze=False)
    for row, (by_class, by_domain) in zip(rows, axes, strict=True):
        parts = (row.source[:FIGURE_POINTS], row.target[:FIGURE_POINTS])
        points = np.split(tsne(np.concatenate(parts)), [len(parts[0])])
        labels = (row.source_labels[:FIGURE_POINTS], row.target_labels[:FIGURE_POINTS])
        _by_class(by_class, points, labels, classes, names)
        _by_domain(by_domain, points, names)
        by_class.set_title(f"{row.label}: by class")
        by_domain.set_title(f"{row.label}: by domain")
        for axis in (by_class, by_domain):
            axis.set(xticks=[], yticks=[])
    with whole_file(target) as part:
        figure.savefig(part, format=target.suffix[1:], dpi=110, metadata=_TIMELESS[target.suffix])
    return target


def class_numbers(conditions: UInt8Array) -> npt.NDArray[np.int64]:
    """One-hot rows [N, K] as class numbers [N]."""
    numbers: npt.NDArray[np.int64] = np.asarray(conditions).argmax(axis=1).astype(np.int64)
    return numbers


def _by_class(
    axis: Any,
    points: Sequence[npt.NDArray[np.float64]],
    labels: Sequence[npt.NDArray[np.int64]],
    classes: Sequence[str],
    names: Sequence[str],
) -> None:
    """Source pictures filled, target pictures hollow; a class has its colour, marker and, in its middle, name."""
    from matplotlib.lines import Line2D

    for places, numbers, filled in zip(points, labels, (True, False), strict=True):
        for k in range(len(classes)):
            own, colour = places[numbers == k], CLASS_COLOURS[k % len(CLASS_COLOURS)]
            faces = {"facecolors": colour, "linewidths": 0} if filled else {"facecolors": "none", "linewidths": 0.8}
            axis.scatter(*own.T, marker=class_marker(k), s=16, alpha=0.8, edgecolors=colour, **faces)
    everywhere, every = np.concatenate(points), np.concatenate(labels)
    for k, each in enumerate(classes):
        if (every == k).any():
            _name(axis, each, centre(everywhere[every == k]))
    shapes = [
        Line2D([], [], marker="o", linestyle="", color="0.3", markerfacecolor=face, label=n)
        for face, n in zip(("0.3", "none"), names, strict=True)
    ]
    axis.legend(handles=shapes, fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)


def class_marker(number: int) -> str:
    """The marker of a class: classes that share a colour have different ones."""
    return _CLASS_MARKERS[number // len(CLASS_COLOURS) % len(_CLASS_MARKERS)]


def centre(points: npt.NDArray[np.float64]) -> npt.NDArray[np.float64]:
    """The one of the points [N, 2] that has the least distance to all others: inside a cluster, where means are not."""
    apart = np.linalg.norm(points[:, None] - points[None], axis=2)
    found: npt.NDArray[np.float64] = points[apart.sum(axis=1).argmin()]
    return found


def _name(axis: Any, text: str, place: npt.NDArray[np.float64]) -> None:
    """A class's name, dark in a white halo, so that it is read over points of any colour and in grey."""
    from matplotlib.patheffects import withStroke

    halo = [withStroke(linewidth=2.5, foreground="white")]
    shown = text if len(text) <= _LONGEST_NAME else f"{text[: _LONGEST_NAME - 1]}…"
    style = {"fontsize": 9, "fontweight": "bold", "color": "0.1", "clip_on": True}
    axis.text(*place, shown, ha="center", va="center", path_effects=halo, parse_math=False, zorder=5, **style)


def _by_domain(axis: Any, points: Sequence[npt.NDArray[np.float64]], names: Sequence[str]) -> None:
    for places, colour, marker, name in zip(points, _DOMAIN_COLOURS, _DOMAIN_MARKERS, names, strict=True):
        axis.scatter(*places.T, c=colour, marker=marker, s=14, alpha=0.6, linewidths=0, label=name)
    axis.legend(fontsize=7, loc="upper left", bbox_to_anchor=(1.0, 1.0), frameon=False)
