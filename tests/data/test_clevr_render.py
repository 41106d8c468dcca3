"""Laws of the built-in CLEVR-like pictures."""

from __future__ import annotations

import hashlib

import numpy as np
import pytest
from numpy.typing import NDArray

from genbench.data.clevr_render import OBJECTS, condition_lists, render_scene, render_split
from genbench.data.clevr_scenes import (
    COLOURS,
    GAP,
    LARGE,
    MIN_PIXELS,
    MIN_VISIBLE,
    SHAPES,
    SMALL,
    SPLITS,
    Camera,
    Item,
    Scene,
    make_scene,
    pixel_centres,
    pixel_counts,
    pixel_window,
)

GOLDEN = {
    ("train", 32): "d7f735f3dcd49e93a73504b2d2d38f854a9a17618f1ade3c0692eec4166a61a5",
    ("train", 64): "dcd06030107e582367292207bc4fc74a59f0bbc7d38b3920e2a2920fbf5233d4",
    ("validation", 32): "ace0516fadf7414136d355dbdf2968b788fbcd09ee127b6fac004d1839cb7a1b",
    ("validation", 64): "25867c1324d13140509010397935d604a02626bf09f4cdb93eba4b7c49755747",
    ("test", 32): "dfed5125fd1650d34cfcd9a121d38aa6ce2b8a46d8f2c47e25ca0ae93243d513",
    ("test", 64): "1f9a8f8c2fde0e80072ca7224e689c111c18485db6361a7df3754ed881c585a4",
}


@pytest.fixture(scope="module")
def scenes() -> list[Scene]:
    return [make_scene("validation", index) for index in range(40)]


def stage(label: int, x: float = 0.0, y: float = 0.0, size: float = LARGE) -> Scene:
    """A scene whose first object is the given one, under a fixed camera and lights: use its first picture."""
    usual = make_scene("train", 0)
    camera = Camera.towards((7.481, -6.508, 5.344), (0.0, 0.0, 0.25))
    item = Item(label, x, y, size, 0.8, 0.6, shiny=False)
    return Scene(camera, usual.lights, (item, usual.items[1], usual.items[2]))


def window_of(scene: Scene, place: int, resolution: int) -> tuple[slice, slice]:
    return pixel_window(scene.camera.bounds(scene.items[place].corners()), resolution)


def test_vocabulary_has_i_clevr_order() -> None:
    assert OBJECTS[:3] == ("gray cube", "red cube", "blue cube")
    assert OBJECTS[8:10] == ("gray sphere", "red sphere")
    assert OBJECTS[16] == "gray cylinder"
    assert OBJECTS[23] == "yellow cylinder"
    assert COLOURS == ("gray", "red", "blue", "green", "brown", "purple", "cyan", "yellow")
    assert len(set(OBJECTS)) == 24


@pytest.mark.parametrize("resolution", [32, 64])
@pytest.mark.parametrize("split", SPLITS)
def test_bits_are_fixed(split: str, resolution: int) -> None:
    images, conditions = render_split(split, 60, resolution, processes=1)
    assert hashlib.sha256(images.tobytes() + conditions.tobytes()).hexdigest() == GOLDEN[split, resolution]


def test_shapes_types_and_conditions() -> None:
    images, conditions = render_split("train", 7, 16, processes=1)
    assert images.shape == (7, 16, 16, 3)
    assert conditions.shape == (7, 24)
    assert images.dtype == conditions.dtype == np.uint8
    assert conditions.sum(1).tolist() == [1, 2, 3, 1, 2, 3, 1]
    for first, second in [(0, 1), (1, 2), (3, 4), (4, 5)]:
        assert (conditions[first] <= conditions[second]).all()
    empty, none = render_split("train", 0, 16)
    assert empty.shape == (0, 16, 16, 3)
    assert none.shape == (0, 24)


def test_the_work_may_be_split_anyhow() -> None:
    seen: list[int] = []
    alone = render_split("test", 100, 16, processes=1, progress=seen.append)
    together = render_split("test", 100, 16, processes=2)
    np.testing.assert_array_equal(alone[0], together[0])
    np.testing.assert_array_equal(alone[1], together[1])
    assert sum(seen) == 100
    np.testing.assert_array_equal(render_scene(make_scene("test", 31), 16), alone[0][93:96])


def test_splits_differ() -> None:
    cameras = {make_scene(split, index).camera.position for split in SPLITS for index in range(20)}
    assert len(cameras) == 60


def may_change(scene: Scene, place: int) -> NDArray[np.bool_]:
    """Pixels of a 64 x 64 picture that object number `place` may alter: its own window and its shadows on the floor.

    A little generous: for each lamp, a strip behind the object as long and wide as its shadow can be.
    """
    x, y = pixel_centres(64)
    item, camera = scene.items[place], scene.camera
    rays = camera.rays(x, y)
    reach = -camera.position[2] / rays[2]
    dx, dy = camera.position[0] + reach * rays[0] - item.x, camera.position[1] + reach * rays[1] - item.y
    distance = np.sqrt(dx * dx + dy * dy)
    allowed = distance < 2 * item.size
    for lamp in scene.lights:
        ax, ay = item.x - lamp[0], item.y - lamp[1]
        away = np.sqrt(ax * ax + ay * ay) + item.size + 0.8
        longest = away * 2 * item.half / (lamp[2] - 0.5 - 2 * item.half)
        behind = (ax * dx + ay * dy) > -1.5 * away * item.size
        widest = (item.size + 0.5) * 1.2 * lamp[2] / (lamp[2] - 0.5 - 2 * item.half)
        beside = np.abs(ax * dy - ay * dx) / away < widest
        allowed |= behind & beside & (distance < longest + 1.5 * item.size)
    allowed[window_of(scene, place, 64)] = True
    return np.asarray(allowed, bool)


def test_a_new_object_changes_itself_and_its_shadow_only(scenes: list[Scene]) -> None:
    judged = []
    for scene in scenes[:15]:
        pictures = render_scene(scene, 64).astype(int)
        for place in (1, 2):
            change = pictures[place] - pictures[place - 1]
            floor = np.ones((64, 64), bool)
            for earlier in range(place):
                floor[window_of(scene, earlier, 64)] = False
            allowed = may_change(scene, place)
            assert not change[floor & ~allowed].any()
            judged.append((floor & ~allowed).mean())
            # A shadow only darkens, on the floor and on other objects.
            outside = np.ones((64, 64), bool)
            outside[window_of(scene, place, 64)] = False
            assert change[outside].max() <= 0
    assert np.mean(judged) > 0.3


def test_objects_are_visible_distinct_and_apart(scenes: list[Scene]) -> None:
    for scene in scenes:
        assert len({item.label for item in scene.items}) == 3
        assert {item.size for item in scene.items} <= {SMALL, LARGE}
        for number in (1, 2, 3):
            for shown, whole in pixel_counts(list(scene.items[:number]), scene.camera, 64):
                assert shown >= max(MIN_PIXELS, MIN_VISIBLE * whole)
        for a, b in [(0, 1), (0, 2), (1, 2)]:
            one, other = scene.items[a], scene.items[b]
            assert (one.x - other.x) ** 2 + (one.y - other.y) ** 2 >= (one.size + other.size + GAP) ** 2
        for item in scene.items:
            left, right, top, bottom = scene.camera.bounds(item.corners())
            assert -1 < left < right < 1
            assert -1 < top < bottom < 1


def test_pictures_show_every_object(scenes: list[Scene]) -> None:
    for scene in scenes[:10]:
        pictures = render_scene(scene, 32).astype(int)
        for place in (1, 2):
            changed = np.abs(pictures[place] - pictures[place - 1]).max(-1) >= 8
            assert changed[window_of(scene, place, 32)].sum() >= 6


@pytest.mark.parametrize("shape", range(3))
def test_colours_are_told_apart_at_32(shape: int) -> None:
    mean = []
    for colour in range(8):
        scene = stage(8 * shape + colour)
        rows, columns = window_of(scene, 0, 32)
        middle = render_scene(scene, 32)[0][rows, columns].astype(float)
        mean.append(middle[2:-2, 2:-2].mean((0, 1)))
    gaps = [np.abs(a - b).max() for place, a in enumerate(mean) for b in mean[:place]]
    assert min(gaps) > 12


@pytest.mark.parametrize("place", [(0.0, 0.0), (2.0, -2.0), (-2.0, 2.0)])
def test_gray_is_told_from_the_floor_at_32(place: tuple[float, float]) -> None:
    floor = render_scene(stage(0, -30.0, 30.0), 32)[0].astype(int)
    for label in (0, 8, 16):
        scene = stage(label, *place, SMALL)
        window = window_of(scene, 0, 32)
        contrast = (floor - render_scene(scene, 32)[0])[window].max(-1)
        assert contrast.max() > 35
        assert contrast.mean() > 10


@pytest.mark.parametrize("size", [SMALL, LARGE])
def test_shapes_are_told_apart_at_32(size: float) -> None:
    pictures = [render_scene(stage(8 * shape + 3, size=size), 32)[0].astype(int) for shape in range(3)]
    for a, b in [(0, 1), (0, 2), (1, 2)]:
        assert (np.abs(pictures[a] - pictures[b]).max(-1) > 12).sum() >= 12


def test_outlines_differ_by_shape() -> None:
    """A sphere fills about pi / 4 of the box around its outline, a cylinder more."""
    fill = []
    for shape in range(3):
        scene = stage(8 * shape)
        x, y = pixel_centres(256)
        near, far = scene.items[0].span(scene.camera.position, scene.camera.rays(x, y))
        rows, columns = np.nonzero(near < far)
        fill.append(len(rows) / (np.ptp(rows) + 1) / (np.ptp(columns) + 1))
    assert fill[1] == pytest.approx(np.pi / 4, abs=0.02)
    assert fill[2] > 0.85


def test_condition_lists_have_i_clevr_pattern() -> None:
    lists = condition_lists()
    assert list(lists) == ["test", "new_test"]
    counts = {name: np.bincount(rows.sum(1)).tolist() for name, rows in lists.items()}
    assert counts == {"test": [0, 6, 12, 14], "new_test": [0, 0, 12, 20]}
    for rows in lists.values():
        assert rows.shape == (32, 24)
        assert rows.dtype == np.uint8
        assert rows.max() == 1
        assert len(np.unique(rows, axis=0)) == 32
        assert rows.any(0).all()
    by_colour = lists["new_test"].reshape(32, len(SHAPES), len(COLOURS)).sum(1)
    assert (by_colour > 1).any(1).sum() >= 28


@pytest.mark.parametrize(
    ("split", "count", "resolution", "processes", "message"),
    [
        ("valid", 3, 32, None, "unknown split 'valid'"),
        ("train", -1, 32, None, "count must be 0 or more, not -1"),
        ("train", 3, 33, None, "even number from 16 to 256, not 33"),
        ("train", 3, 14, None, "even number from 16 to 256, not 14"),
        ("train", 3, 258, None, "even number from 16 to 256, not 258"),
        ("train", 3, 32, 0, "processes must be 1 or more, not 0"),
    ],
)
def test_bad_requests_say_what_is_wrong(
    split: str, count: int, resolution: int, processes: int | None, message: str
) -> None:
    with pytest.raises(ValueError, match=message):
        render_split(split, count, resolution, processes=processes)
