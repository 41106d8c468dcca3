"""CLEVR-like scenes of one to three objects: vocabulary, placement, camera, lights.

A scene depends on its split and its number only. Coordinates are CLEVR's: x and y on the floor, z up, the
picture centred on the origin. All arithmetic is `+ - * /` and `sqrt` on float64, which IEEE 754 rounds exactly, and all
randomness comes from SHA-256, so every machine and every version of NumPy builds the same scenes.
"""

from __future__ import annotations

import hashlib
import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np
from numpy.typing import NDArray

COLOURS = ("gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow")
SHAPES = ("cube", "sphere", "cylinder")
OBJECTS: tuple[str, ...] = tuple(f"{colour} {shape}" for shape in SHAPES for colour in COLOURS)
"""The 24 objects; an object's place here is its place in a multi-hot condition."""

SPLITS = ("train", "validation", "test")
RECIPE = 1
"""Version of scenes and pictures, part of every seed: raise it whenever a change gives other pictures."""

Floats = NDArray[np.float64]
Vector = tuple[Any, Any, Any]
"""x, y, z: three floats, or three arrays that broadcast together."""

LARGE, SMALL = 0.85, 0.62
REACH = 2.8
GAP = 0.25
MIN_VISIBLE = 0.7
MIN_PIXELS = 40
"""In every picture an object shows at least MIN_VISIBLE of its area and MIN_PIXELS of the pixels at 64 x 64."""

_HALF_WIDTH, _HALF_HEIGHT = 0.42, 0.315
_PROBE = 64
LIGHTS = ((6.447, -2.905, 4.258), (-4.671, -4.014, 3.011), (-1.169, 2.646, 5.816))


def dot(a: Vector, b: Vector) -> Any:
    """Inner product, added in a fixed order."""
    return a[0] * b[0] + a[1] * b[1] + a[2] * b[2]


def minus(a: Vector, b: Vector) -> Vector:
    """a - b."""
    return a[0] - b[0], a[1] - b[1], a[2] - b[2]


def unit(a: Vector) -> Vector:
    """a scaled to length 1; a must not be zero."""
    length = np.sqrt(dot(a, a))
    return a[0] / length, a[1] / length, a[2] / length


def _cross(a: Vector, b: Vector) -> Vector:
    return a[1] * b[2] - a[2] * b[1], a[2] * b[0] - a[0] * b[2], a[0] * b[1] - a[1] * b[0]


class Stream:
    """Random numbers from SHA-256 of a key and a counter."""

    def __init__(self, key: str) -> None:
        self._words = self._read(key)

    @staticmethod
    def _read(key: str) -> Iterator[int]:
        block = 0
        while True:
            digest = hashlib.sha256(f"{key}/{block}".encode()).digest()
            yield from (int.from_bytes(digest[at : at + 8], "little") for at in range(0, 32, 8))
            block += 1

    def uniform(self, low: float, high: float) -> float:
        """A float in [low, high)."""
        return low + (high - low) * ((next(self._words) >> 11) * 2.0**-53)

    def below(self, bound: int) -> int:
        """An integer in [0, bound)."""
        return next(self._words) % bound


@dataclass(frozen=True)
class Item:
    """One object standing on the floor.

    `label` indexes OBJECTS; (x, y) is its centre; `size` is the radius of a sphere, the radius and half height of a
    cylinder, and the half diagonal of a cube's base; (cos, sin) turns a cube about the vertical.
    """

    label: int
    x: float
    y: float
    size: float
    cos: float
    sin: float
    shiny: bool

    @property
    def shape(self) -> str:
        """One of SHAPES."""
        return SHAPES[self.label // len(COLOURS)]

    @property
    def half(self) -> float:
        """Half the height."""
        return self.size / math.sqrt(2.0) if self.shape == "cube" else self.size

    def to_local(self, v: Vector) -> Vector:
        """A direction in the object's own axes."""
        return self.cos * v[0] + self.sin * v[1], self.cos * v[1] - self.sin * v[0], v[2]

    def to_world(self, v: Vector) -> Vector:
        """The inverse of `to_local`."""
        return self.cos * v[0] - self.sin * v[1], self.sin * v[0] + self.cos * v[1], v[2]

    def centred(self, point: Vector) -> Vector:
        """A point in the object's own axes, from its centre."""
        return self.to_local(minus(point, (self.x, self.y, self.half)))

    def span(self, origin: Vector, direction: Vector) -> tuple[Floats, Floats]:
        """Where rays enter and leave: `origin + t * direction` is inside for near < t < far; near >= far is a miss."""
        o, d = self.centred(origin), self.to_local(direction)
        if self.shape == "cube":
            bounds = [_slab(o[axis], d[axis], self.half) for axis in range(3)]
            near = np.maximum(np.maximum(bounds[0][0], bounds[1][0]), bounds[2][0])
            return near, np.minimum(np.minimum(bounds[0][1], bounds[1][1]), bounds[2][1])
        if self.shape == "sphere":
            return _round(dot(d, d), dot(o, d), dot(o, o) - self.size * self.size)
        near, far = _round(
            d[0] * d[0] + d[1] * d[1], o[0] * d[0] + o[1] * d[1], o[0] * o[0] + o[1] * o[1] - self.size * self.size
        )
        low, high = _slab(o[2], d[2], self.half)
        return np.maximum(near, low), np.minimum(far, high)

    def corners(self) -> list[Vector]:
        """The corners of an upright box around the object."""
        if self.shape == "cube":
            around = [self.to_world((a * self.half, b * self.half, 0.0)) for a in (-1, 1) for b in (-1, 1)]
        else:
            around = [(a * self.size, b * self.size, 0.0) for a in (-1, 1) for b in (-1, 1)]
        return [(self.x + dx, self.y + dy, z) for dx, dy, _ in around for z in (0.0, 2.0 * self.half)]


def _slab(o: Any, d: Any, half: float) -> tuple[Floats, Floats]:
    inverse = 1.0 / np.where(np.abs(d) < 1e-12, 1e-12, d)
    middle, width = -o * inverse, half * np.abs(inverse)
    return middle - width, middle + width


def _round(a: Any, b: Any, c: Any) -> tuple[Floats, Floats]:
    """The interval where a t^2 + 2 b t + c < 0, empty (inf, -inf) where there is none."""
    a = np.maximum(a, 1e-12)
    inside = b * b - a * c
    miss = inside <= 0.0
    root = np.sqrt(np.maximum(inside, 0.0))
    return np.where(miss, np.inf, (-b - root) / a), np.where(miss, -np.inf, (root - b) / a)


@dataclass(frozen=True)
class Camera:
    """A pinhole camera with CLEVR's 4:3 field of view, squeezed into a square picture."""

    position: Vector
    right: Vector
    up: Vector
    forward: Vector

    @classmethod
    def towards(cls, position: Vector, target: Vector) -> Camera:
        """The upright camera at `position` that has `target` in the middle of its picture."""
        forward = unit(minus(target, position))
        right = unit(_cross(forward, (0.0, 0.0, 1.0)))
        return cls(position, right, _cross(right, forward), forward)

    def rays(self, x: Floats, y: Floats) -> Vector:
        """Directions through picture places x, y in [-1, 1]; y points down."""
        across, upwards = x * _HALF_WIDTH, y * -_HALF_HEIGHT
        f, r, u = self.forward, self.right, self.up
        return (
            f[0] + across * r[0] + upwards * u[0],
            f[1] + across * r[1] + upwards * u[1],
            f[2] + across * r[2] + upwards * u[2],
        )

    def project(self, point: Vector) -> tuple[float, float, float]:
        """Where a point appears, x and y as in `rays`, and its depth."""
        v = minus(point, self.position)
        depth = dot(v, self.forward)
        scale = 1.0 / depth if depth > 0.0 else math.inf
        return dot(v, self.right) * scale / _HALF_WIDTH, -dot(v, self.up) * scale / _HALF_HEIGHT, depth

    def bounds(self, points: list[Vector]) -> tuple[float, float, float, float]:
        """Left, right, top, bottom of the points' hull in the picture; infinite when it reaches behind the camera."""
        places = [self.project(point) for point in points]
        if min(depth for _, _, depth in places) < 0.1:
            return -math.inf, math.inf, -math.inf, math.inf
        xs, ys, _ = zip(*places, strict=True)
        return min(xs), max(xs), min(ys), max(ys)


@dataclass(frozen=True)
class Scene:
    """Three objects in order of arrival under one camera and three lights (key, fill, back)."""

    camera: Camera
    lights: tuple[Vector, Vector, Vector]
    items: tuple[Item, Item, Item]


def make_scene(split: str, index: int) -> Scene:
    """Scene number `index` of `split`; it depends on nothing else. Raises ValueError for an unknown split."""
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}: choose one of {', '.join(SPLITS)}")
    stream = Stream(f"genbench/clevr-synth/{RECIPE}/{split}/{index}")
    while True:
        camera = Camera.towards(_moved(stream, (7.481, -6.508, 5.344), 0.4, 0.4), (0.0, 0.0, 0.25))
        lights = [_moved(stream, light, 0.6, 0.4) for light in LIGHTS]
        items = _place(stream, camera)
        if items is not None:
            return Scene(camera, (lights[0], lights[1], lights[2]), items)


def _moved(stream: Stream, place: Vector, sideways: float, upwards: float) -> Vector:
    return (
        place[0] + stream.uniform(-sideways, sideways),
        place[1] + stream.uniform(-sideways, sideways),
        place[2] + stream.uniform(-upwards, upwards),
    )


def _place(stream: Stream, camera: Camera) -> tuple[Item, Item, Item] | None:
    """Three objects that stand apart, fit the frame and can be seen; None when the place is too crowded to find any."""
    labels = _three_labels(stream)
    items: list[Item] = []
    for _ in range(60):
        item = _draw_item(stream, labels[len(items)])
        if _stands_free(item, items) and _in_frame(item, camera) and _all_visible([*items, item], camera):
            items.append(item)
        if len(items) == 3:
            return items[0], items[1], items[2]
    return None


def _three_labels(stream: Stream) -> list[int]:
    labels: list[int] = []
    while len(labels) < 3:
        label = stream.below(len(OBJECTS))
        if label not in labels:
            labels.append(label)
    return labels


def _draw_item(stream: Stream, label: int) -> Item:
    x, y = stream.uniform(-REACH, REACH), stream.uniform(-REACH, REACH)
    size = LARGE if stream.below(2) else SMALL
    # Cosine and sine by division only, to have the same bits everywhere: t = tan(angle / 2) turns by 0 to 90 degrees.
    t = stream.uniform(0.0, 1.0)
    cos, sin = (1.0 - t * t) / (1.0 + t * t), 2.0 * t / (1.0 + t * t)
    if label // len(COLOURS) != SHAPES.index("cube"):
        cos, sin = 1.0, 0.0
    return Item(label, x, y, size, cos, sin, shiny=stream.below(3) == 0)


def _stands_free(item: Item, others: list[Item]) -> bool:
    for other in others:
        dx, dy, apart = item.x - other.x, item.y - other.y, item.size + other.size + GAP
        if dx * dx + dy * dy < apart * apart:
            return False
    return True


def _in_frame(item: Item, camera: Camera) -> bool:
    left, right, top, bottom = camera.bounds(item.corners())
    return left > -0.97 and right < 0.97 and top > -0.97 and bottom < 0.97


def _all_visible(items: list[Item], camera: Camera) -> bool:
    return all(
        shown >= MIN_PIXELS and shown >= MIN_VISIBLE * whole for shown, whole in pixel_counts(items, camera, _PROBE)
    )


def pixel_counts(items: list[Item], camera: Camera, resolution: int) -> list[tuple[int, int]]:
    """For each object, how many pixel centres of a picture show it, and how many would if it were alone."""
    x, y = pixel_centres(resolution)
    owner = np.full(x.shape, -1)
    depth = np.full(x.shape, np.inf)
    whole = []
    for number, item in enumerate(items):
        window = pixel_window(camera.bounds(item.corners()), resolution)
        near, far = item.span(camera.position, camera.rays(x[window], y[window]))
        hit = near < far
        whole.append(int(np.count_nonzero(hit)))
        nearer = hit & (near < depth[window])
        depth[window][nearer] = near[nearer]
        owner[window][nearer] = number
    return [(int(np.count_nonzero(owner == number)), total) for number, total in enumerate(whole)]


@cache
def pixel_centres(resolution: int) -> tuple[Floats, Floats]:
    """Picture places of the pixel centres, x and y, each [resolution, resolution]."""
    places = (np.arange(resolution) * 2.0 + 1.0) / resolution - 1.0
    x, y = np.meshgrid(places, places)
    return x, y


def pixel_window(bounds: tuple[float, float, float, float], resolution: int) -> tuple[slice, slice]:
    """The rows and columns of the pixels that a rectangle (left, right, top, bottom in [-1, 1]) touches."""
    left, right, top, bottom = (min(max((v + 1.0) / 2.0 * resolution, 0.0), float(resolution)) for v in bounds)
    return slice(math.floor(top), math.ceil(bottom)), slice(math.floor(left), math.ceil(right))


def condition_lists() -> dict[str, NDArray[np.uint8]]:
    """The `test` and `new_test` conditions, each multi-hot uint8 [32, 24], always the same.

    The pattern is i-CLEVR's. `test` has 6 conditions of one object, 12 of two and 14 of three, without regard to
    colour; `new_test` has 12 of two and 20 of three and is the harder list: in 28 of its conditions objects share a
    colour, so that only shape tells them apart. In each list all 24 objects occur and no condition occurs twice.
    """
    return {
        "test": _condition_list("test", [(1, False)] * 6 + [(2, False)] * 12 + [(3, False)] * 14),
        "new_test": _condition_list("new_test", [(3, True)] * 19 + [(3, False)] + [(2, True)] * 9 + [(2, False)] * 3),
    }


def _condition_list(name: str, pattern: list[tuple[int, bool]]) -> NDArray[np.uint8]:
    """One condition for each (number of objects, whether two must share a colour)."""
    stream = Stream(f"genbench/clevr-synth/{RECIPE}/conditions/{name}")
    conditions: list[frozenset[int]] = []
    used = [0] * len(OBJECTS)
    for size, share_colour in pattern:
        while True:
            # Favouring what was used least makes all objects occur about equally often.
            order = sorted(range(len(OBJECTS)), key=lambda label: used[label] + stream.uniform(0.0, 1.5))
            if share_colour:
                partner = next(label for label in order[1:] if (label - order[0]) % len(COLOURS) == 0)
                order.remove(partner)
                order.insert(1, partner)
            chosen = frozenset(order[:size])
            if chosen not in conditions:
                break
        conditions.append(chosen)
        for label in chosen:
            used[label] += 1
    return multi_hot(conditions)


def multi_hot(labels: list[frozenset[int]]) -> NDArray[np.uint8]:
    """Sets of labels as rows of 0 and 1: uint8 [len(labels), 24]."""
    table = np.zeros((len(labels), len(OBJECTS)), np.uint8)
    for row, chosen in enumerate(labels):
        table[row, sorted(chosen)] = 1
    return table
