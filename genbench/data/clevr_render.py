"""The built-in CLEVR-like pictures: a small ray caster in NumPy.

Light is computed linearly: three small area lights with soft shadows, an ambient term, a highlight. Objects are cast
with 16 rays a pixel inside their own window; the floor, which is smooth, with one ray a pixel, once for the three
pictures of a scene. Only `+ - * /`, `sqrt`, comparisons and roundings touch a pixel, one array operation at a time and
in a fixed order, so the pictures have the same bits on every machine.
"""

from __future__ import annotations

import multiprocessing
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from genbench.data.clevr_scenes import (
    COLOURS,
    LIGHTS,
    OBJECTS,
    RECIPE,
    SPLITS,
    Floats,
    Item,
    Scene,
    Vector,
    condition_lists,
    dot,
    make_scene,
    minus,
    multi_hot,
    pixel_centres,
    pixel_window,
    unit,
)

__all__ = ["OBJECTS", "RECIPE", "SPLITS", "condition_lists", "render_scene", "render_split"]

PER_SCENE = 3
SIDE = 4
RAYS = SIDE * SIDE

_PALETTE = (
    (0.341, 0.341, 0.341), (0.678, 0.137, 0.137), (0.165, 0.294, 0.843), (0.114, 0.412, 0.078),
    (0.506, 0.290, 0.098), (0.506, 0.149, 0.753), (0.161, 0.816, 0.816), (1.000, 0.933, 0.200),
)  # fmt: skip
_FLOOR = 0.58
_AMBIENT = (0.231, 0.230, 0.230)
_POWER = ((9.15, 8.46, 7.29), (1.91, 2.07, 2.58), (4.25, 4.27, 4.30))
"""Red, green, blue strength of the key, fill and back light."""
_LIGHT_REACH = 0.5
"""Half the extent of a light: what makes its shadows soft."""
_BEVEL = 0.09
"""Rounding of edges, as a share of an object's size."""

# Places in a light's volume, in [-1, 1], one for each ray of a pixel: an R3 low-discrepancy sequence.
_JITTER = [2.0 * ((0.5 + np.arange(RAYS) * step) % 1.0) - 1.0 for step in (0.8191725, 0.6710436, 0.5497005)]


def render_scene(scene: Scene, resolution: int) -> NDArray[np.uint8]:
    """The scene with its first, its first two and all three objects: uint8 [3, resolution, resolution, 3].

    Raises ValueError for a resolution that is odd or not in 16..256.
    """
    _check_resolution(resolution)
    floor = _Floor(scene, resolution)
    depth = np.full((RAYS, resolution, resolution), np.inf)
    casts: list[_Cast] = []
    pictures = np.empty((PER_SCENE, resolution, resolution, 3), np.uint8)
    for place, item in enumerate(scene.items):
        newest = _Cast(item, scene, resolution)
        floor.darken(item)
        for cast in casts:
            cast.darken(item)
            newest.darken(cast.item)
        casts.append(newest)
        newest.draw_depth(depth)
        layer = np.zeros((4, resolution, resolution))
        for cast in casts:
            cast.draw(layer, depth)
        layer = layer / RAYS
        pictures[place] = _develop(floor.light() * (1.0 - layer[3]) + layer[:3])
    return pictures


@dataclass(frozen=True)
class _Lamp:
    """One light of a scene."""

    centre: Vector
    aim: Vector

    @classmethod
    def all_of(cls, scene: Scene) -> list[_Lamp]:
        """The scene's lights, each facing the origin from where it usually hangs."""
        return [cls(place, unit(usual)) for place, usual in zip(scene.lights, LIGHTS, strict=True)]

    def strike(self, points: Vector, normals: Vector) -> tuple[Floats, Vector]:
        """How strongly the light falls on surfaces, and the directions from them to the light."""
        way = minus(self.centre, points)
        squared = dot(way, way)
        length = np.sqrt(squared)
        towards = (way[0] / length, way[1] / length, way[2] / length)
        return np.maximum(dot(towards, self.aim), 0.0) / squared * np.maximum(dot(towards, normals), 0.0), towards

    def sample(self, ray: Any) -> Vector:
        """The place in the light that belongs to ray number `ray` (an integer or an array of them) of a pixel."""
        x, y, z = (self.centre[axis] + _LIGHT_REACH * _JITTER[axis][ray] for axis in range(3))
        return x, y, z

    def corners(self) -> list[Vector]:
        """The corners of the box that holds the light."""
        x, y, z = self.centre
        sides = (-_LIGHT_REACH, _LIGHT_REACH)
        return [(x + dx, y + dy, z + dz) for dx in sides for dy in sides for dz in sides]


def _blocks(item: Item, points: Vector, source: Vector) -> NDArray[np.bool_]:
    """Whether the object stands between points and a light source."""
    near, far = item.span(points, minus(source, points))
    return (near < far) & (far > 0.0) & (near < 1.0)


class _Floor:
    """The floor under a scene's lights, darkened object by object."""

    def __init__(self, scene: Scene, resolution: int) -> None:
        self.camera, self.resolution, self.lamps = scene.camera, resolution, _Lamp.all_of(scene)
        rays = self.camera.rays(*pixel_centres(resolution))
        reach = self.camera.position[2] / -rays[2]
        self.x = self.camera.position[0] + reach * rays[0]
        self.y = self.camera.position[1] + reach * rays[1]
        self.direct = [lamp.strike((self.x, self.y, 0.0), (0.0, 0.0, 1.0))[0] for lamp in self.lamps]
        self.ambient = np.ones_like(self.x)

    def darken(self, item: Item) -> None:
        """Let the object cast its shadows and take ambient light from the floor around its foot."""
        corners = item.corners()
        dx, dy, foot = self.x - item.x, self.y - item.y, 2.0 * item.size
        near = np.maximum(1.0 - (dx * dx + dy * dy) / (foot * foot), 0.0)
        self.ambient *= 1.0 - 0.6 * near * near
        for lamp, direct in zip(self.lamps, self.direct, strict=True):
            shadow = [_fall(source, corner) for source in lamp.corners() for corner in corners]
            window = pixel_window(self.camera.bounds(shadow), self.resolution)
            points = (self.x[window], self.y[window], 0.0)
            blocked = np.zeros(points[0].shape)
            for ray in range(RAYS):
                blocked += _blocks(item, points, lamp.sample(ray))
            direct[window] *= 1.0 - blocked / RAYS

    def light(self) -> Floats:
        """What the camera sees of the floor, linear, [3, resolution, resolution]."""
        picture = np.empty((3, self.resolution, self.resolution))
        for channel in range(3):
            glow = _AMBIENT[channel] * self.ambient
            for direct, power in zip(self.direct, _POWER, strict=True):
                glow = glow + power[channel] * direct
            picture[channel] = _FLOOR * glow
        return picture


def _fall(source: Vector, corner: Vector) -> Vector:
    """Where the shadow of a corner falls on the floor; the source is above the corner."""
    stretch = source[2] / (source[2] - corner[2])
    return source[0] + stretch * (corner[0] - source[0]), source[1] + stretch * (corner[1] - source[1]), 0.0


class _Cast:
    """One object's rays that hit, with the light on each, darkened by other objects one by one."""

    def __init__(self, item: Item, scene: Scene, resolution: int) -> None:
        self.item, self.lamps = item, _Lamp.all_of(scene)
        self.window = pixel_window(scene.camera.bounds(item.corners()), resolution)
        rays = scene.camera.rays(*_ray_places(self.window, resolution))
        near, far = item.span(scene.camera.position, rays)
        self.shape = near.shape
        self.hits = np.nonzero((near < far).ravel())[0]
        self.ray = self.hits // (self.shape[1] * self.shape[2])
        self.near = near.ravel()[self.hits]
        way = tuple(axis.ravel()[self.hits] for axis in rays)
        x, y, z = (start + self.near * step for start, step in zip(scene.camera.position, way, strict=True))
        self.points: Vector = (x, y, z)
        self._light(unit((-way[0], -way[1], -way[2])))

    def _light(self, view: Vector) -> None:
        item = self.item
        normals = _normals(item, self.points)
        foot = np.minimum(self.points[2] / item.size, 1.0)
        self.ambient = (0.75 + 0.25 * normals[2]) * (0.5 + 0.5 * foot)
        self.direct, self.highlight = [], []
        for lamp in self.lamps:
            fall, towards = lamp.strike(self.points, normals)
            half = unit((towards[0] + view[0], towards[1] + view[1], towards[2] + view[2]))
            gloss = np.maximum(dot(half, normals), 0.0)
            for _ in range(6 if item.shiny else 4):
                gloss = gloss * gloss
            self.direct.append(fall)
            self.highlight.append((0.9 if item.shiny else 0.12) * gloss * fall)

    def darken(self, other: Item) -> None:
        """Let another object shade this one; each ray of a pixel looks at its own place in the light."""
        for number, lamp in enumerate(self.lamps):
            lit = ~_blocks(other, self.points, lamp.sample(self.ray))
            self.direct[number] *= lit
            self.highlight[number] *= lit

    def draw_depth(self, depth: Floats) -> None:
        """Enter this object into the depth of every ray, [RAYS, resolution, resolution]."""
        mine = np.full(self.shape, np.inf)
        mine.reshape(-1)[self.hits] = self.near
        behind = depth[(slice(None), *self.window)]
        np.minimum(behind, mine, out=behind)

    def draw(self, layer: Floats, depth: Floats) -> None:
        """Add what the depth leaves visible of this object to a layer [4, resolution, resolution]: light and cover."""
        seen = self.near <= depth[(slice(None), *self.window)].reshape(-1)[self.hits]
        target = layer[(slice(None), *self.window)]
        for channel in range(3):
            target[channel] += self._gather(np.where(seen, self._radiance(channel), 0.0))
        target[3] += self._gather(np.where(seen, 1.0, 0.0))

    def _radiance(self, channel: int) -> Floats:
        diffuse: Floats = _AMBIENT[channel] * self.ambient
        gloss: Floats = np.zeros(self.near.shape)
        for power, direct, highlight in zip(_POWER, self.direct, self.highlight, strict=True):
            diffuse = diffuse + power[channel] * direct
            gloss = gloss + power[channel] * highlight
        radiance: Floats = _PALETTE[self.item.label % len(COLOURS)][channel] * diffuse + gloss
        return radiance

    def _gather(self, values: Floats) -> Floats:
        """Add up each pixel's rays, first to last."""
        rays = np.zeros(self.shape)
        rays.reshape(-1)[self.hits] = values
        total: Floats = rays[0].copy()
        for ray in range(1, RAYS):
            total += rays[ray]
        return total


def _ray_places(window: tuple[slice, slice], resolution: int) -> tuple[Floats, Floats]:
    """Picture places of a window's rays, SIDE by SIDE in a pixel: x [RAYS, 1, columns] and y [RAYS, rows, 1]."""
    within = (np.arange(SIDE) + 0.5) / SIDE
    columns, rows = (np.arange(side.start, side.stop) for side in (window[1], window[0]))
    x = (columns[None, None, :] + within[np.arange(RAYS) % SIDE][:, None, None]) * 2.0 / resolution - 1.0
    y = (rows[None, :, None] + within[np.arange(RAYS) // SIDE][:, None, None]) * 2.0 / resolution - 1.0
    return x, y


def _normals(item: Item, points: Vector) -> Vector:
    """Outward normals at points of the surface, turning smoothly over the edges."""
    x, y, z = item.centred(points)
    if item.shape == "sphere":
        return unit((x, y, z))
    core = item.half - _BEVEL * item.size
    up = z - np.minimum(np.maximum(z, -core), core)
    if item.shape == "cube":
        flat = (x - np.minimum(np.maximum(x, -core), core), y - np.minimum(np.maximum(y, -core), core), up)
        return unit(item.to_world(flat))
    across = np.sqrt(x * x + y * y)
    out = np.maximum(across - core, 0.0) / np.maximum(across, 1e-12)
    return unit((x * out, y * out, up))


def _develop(light: Floats) -> NDArray[np.uint8]:
    """Linear light [3, height, width] as sRGB bytes [height, width, 3]."""
    light = np.maximum(light, 0.0)
    root2 = np.sqrt(light)
    root4 = np.sqrt(root2)
    # The sRGB curve to within a thousandth, from square roots because powers differ between machines.
    curve = 0.662002687 * root2 + 0.684122060 * root4 - 0.323583601 * np.sqrt(root4) - 0.022541147 * light
    return np.ascontiguousarray(
        np.rint(np.minimum(np.maximum(curve, 0.0), 1.0) * 255.0).astype(np.uint8).transpose(1, 2, 0)
    )


def render_split(
    split: str,
    count: int,
    resolution: int,
    *,
    progress: Callable[[int], None] | None = None,
    processes: int | None = None,
) -> tuple[NDArray[np.uint8], NDArray[np.uint8]]:
    """The first `count` pictures of a split and their conditions, always the same.

    Scene i gives pictures 3i, 3i + 1 and 3i + 2, with one, two and three objects, each the one before plus an object.

    Args:
        split: "train", "validation" or "test": streams of scenes with nothing in common.
        count: number of pictures, at least 0; it may end within a scene.
        resolution: width and height in pixels, even, 16 to 256.
        progress: called in this process, now and then, with the number of pictures finished since its last call.
        processes: worker processes, by default one a CPU; small counts are rendered in this process.

    Returns:
        Images uint8 [count, resolution, resolution, 3] (sRGB) and multi-hot conditions uint8 [count, 24] over OBJECTS.

    Raises:
        ValueError: unknown split, count below 0, unsupported resolution or processes below 1.
    """
    _check_request(split, count, resolution, processes)
    images = np.empty((count, resolution, resolution, 3), np.uint8)
    conditions = np.empty((count, len(OBJECTS)), np.uint8)
    done = 0
    for pictures, labels in _chunks(split, -(-count // PER_SCENE), resolution, processes):
        stop = min(done + len(pictures), count)
        images[done:stop], conditions[done:stop] = pictures[: stop - done], labels[: stop - done]
        if progress is not None:
            progress(stop - done)
        done = stop
    return images, conditions


_CHUNK = 16
_Rendered = tuple[NDArray[np.uint8], NDArray[np.uint8]]


def _chunks(split: str, scenes: int, resolution: int, processes: int | None) -> Iterator[_Rendered]:
    """All scenes in order, a chunk at a time, rendered here or by worker processes."""
    starts = range(0, scenes, _CHUNK)
    jobs = [(split, start, min(start + _CHUNK, scenes), resolution) for start in starts]
    workers = min(processes or _cpus(), len(jobs))
    # Starting a worker costs about as much as rendering two chunks; a daemonic process may not start any.
    if workers < 2 or (processes is None and len(jobs) < 8) or multiprocessing.current_process().daemon:
        yield from map(_render_chunk, jobs)
        return
    pool = ProcessPoolExecutor(workers, mp_context=multiprocessing.get_context("spawn"))
    finished = 0
    try:
        for rendered in pool.map(_render_chunk, jobs):
            finished += 1
            yield rendered
    except BrokenProcessPool:
        # Workers cannot start where the main module cannot be imported again, as when a script is read from stdin.
        yield from map(_render_chunk, jobs[finished:])
    finally:
        pool.shutdown(cancel_futures=True)


def _render_chunk(job: tuple[str, int, int, int]) -> _Rendered:
    split, start, stop, resolution = job
    scenes = [make_scene(split, index) for index in range(start, stop)]
    pictures = np.concatenate([render_scene(scene, resolution) for scene in scenes])
    seen = [frozenset(item.label for item in scene.items[:number]) for scene in scenes for number in (1, 2, 3)]
    return pictures, multi_hot(seen)


def _cpus() -> int:
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1


def _check_request(split: str, count: int, resolution: int, processes: int | None) -> None:
    if split not in SPLITS:
        raise ValueError(f"unknown split {split!r}: choose one of {', '.join(SPLITS)}")
    if count < 0:
        raise ValueError(f"count must be 0 or more, not {count}")
    if processes is not None and processes < 1:
        raise ValueError(f"processes must be 1 or more, not {processes}")
    _check_resolution(resolution)


def _check_resolution(resolution: int) -> None:
    if not 16 <= resolution <= 256 or resolution % 2:
        raise ValueError(f"resolution must be an even number from 16 to 256, not {resolution}")
