"""Sheets of pictures: every pixel is where it belongs."""

import numpy as np
import pytest
from PIL import Image

from genbench.errors import DataError, GenbenchError
from genbench.exporting.sheets import LARGEST_FILE, PAGE, contact_sheet, grid

MARK = 151  # no shade of anti-aliased type next to it


def flat(values, size=8, channels=1):
    """One picture of a single shade for each value."""
    shades = np.asarray(values, np.uint8).reshape(-1, 1, 1, 1)
    return np.broadcast_to(shades, (len(values), size, size, channels)).copy()


def squares(sheet, shade):
    """Top left corners of the squares of a shade, row by row."""
    mask = np.asarray(sheet.convert("L")) == shade
    corner = mask & ~np.roll(mask, 1, 0) & ~np.roll(mask, 1, 1)
    corner[1:, :] &= ~mask[:-1, :]
    return [(int(x), int(y)) for y, x in np.argwhere(corner) if mask[y : y + 60, x : x + 60].all()]


@pytest.mark.parametrize("channels", [1, 3])
def test_pictures_stand_under_their_condition_and_beside_their_family(tmp_path, channels):
    ours, theirs = flat([10, 20, 30], channels=channels), flat([40, 50, 60], channels=channels)
    sheet = Image.open(contact_sheet([("a", ours), ("b", theirs)], ["x", "y", "z"], tmp_path / "s.png", title="T"))
    places = {shade: squares(sheet, shade)[0] for shade in (10, 20, 30, 40, 50, 60)}
    for shade in (10, 20, 30):
        assert places[shade][0] == places[shade + 30][0]
        assert places[shade][1] == places[10][1] < places[40][1] == places[shade + 30][1]
    assert places[10][0] < places[20][0] < places[30][0]
    assert sheet.mode == ("L" if channels == 1 else "RGB")


def test_repeats_are_stacked_in_order(tmp_path):
    images = flat([10, 20, 30, 40, 50, 60])  # two conditions, three times each
    sheet = Image.open(contact_sheet([("a", images)], ["x", "y"], tmp_path / "s.png"))
    (x, first), (_, second), (_, third) = (squares(sheet, shade)[0] for shade in (10, 30, 50))
    assert first < second < third
    assert all(squares(sheet, shade)[0][0] == x for shade in (30, 50))
    assert squares(sheet, 20)[0][1] == first


def test_without_titles_every_row_is_one_line(tmp_path):
    rows = [("red cube", flat([10, 20, 30])), ("gray cube + cyan sphere", flat([40, 50, 60]))]
    sheet = Image.open(contact_sheet(rows, [], tmp_path / "s.png"))
    places = {shade: squares(sheet, shade)[0] for shade in (10, 20, 30, 40, 50, 60)}
    assert places[10][1] == places[20][1] == places[30][1] < places[40][1]
    assert places[30][0] == places[60][0]
    assert places[10][1] == 16  # no room is left for heads


def test_pixels_are_enlarged_not_smoothed(tmp_path):
    image = np.random.default_rng(0).integers(0, 255, (1, 4, 4, 3), dtype=np.uint8)
    sheet = np.asarray(Image.open(contact_sheet([("", image)], [""], tmp_path / "s.png")).convert("RGB"))
    inked = np.argwhere((sheet != 255).any(axis=2))
    (top, left), (bottom, right) = inked.min(axis=0), inked.max(axis=0) + 1
    block = sheet[top:bottom, left:right]
    scale = len(block) // 4
    assert block.shape == (4 * scale, 4 * scale, 3)
    np.testing.assert_array_equal(block, image[0].repeat(scale, 0).repeat(scale, 1))


def test_many_conditions_continue_below(tmp_path):
    names = [f"yellow cylinder + gray cube + object {number}" for number in range(32)]
    images = flat(range(100, 132), size=64, channels=3)
    sheet = Image.open(contact_sheet([("ddpm", images), ("cgan", images)], names, tmp_path / "s.png"))
    assert sheet.width <= PAGE
    assert all(len(squares(sheet, shade)) == 2 for shade in range(100, 132))


def test_large_sheets_are_enlarged_less(tmp_path):
    noise = np.random.default_rng(0).integers(0, 256, (32, 64, 64, 3), dtype=np.uint8)
    path = contact_sheet([(name, noise) for name in "abc"], ["c"] * 32, tmp_path / "s.png")
    assert path.stat().st_size <= LARGEST_FILE


def test_hostile_labels_are_drawn(tmp_path):
    labels = ["\x1b[31m\u202e" + "x" * 500, "a b " * 200, "", "中"]
    path = contact_sheet([(label, flat([MARK])) for label in labels], ["w " * 300], tmp_path / "s.png", title="t" * 999)
    sheet = Image.open(path)
    assert sheet.width <= PAGE
    assert len(squares(sheet, MARK)) == 4


def test_same_pictures_same_bytes(tmp_path):
    one = contact_sheet([("a", flat([1, 2]))], ["x", "y"], tmp_path / "1.png").read_bytes()
    assert one == contact_sheet([("a", flat([1, 2]))], ["x", "y"], tmp_path / "2.png").read_bytes()


def test_plain_grid(tmp_path):
    sheet = Image.open(grid(flat([10, 20, 30, 40, 50], size=64), tmp_path / "g.png", columns=2))
    places = [squares(sheet, shade)[0] for shade in (10, 20, 30, 40, 50)]
    assert places == sorted(places, key=lambda place: (place[1], place[0]))
    assert places[0][0] == places[2][0] == places[4][0]
    assert sheet.width == 2 * 68 + 4


@pytest.mark.parametrize(
    ("rows", "titles", "message"),
    [
        ([], ["x"], "at least one row"),
        ([("a", flat([]))], [], "at least one picture"),
        ([("a", flat([1, 2])), ("b", flat([1]))], [], "b: 1 pictures are not a multiple of 2"),
        ([("a", flat([1, 2, 3]))], ["x", "y"], "a: 3 pictures are not a multiple of 2"),
        ([("a", flat([1])), ("b", flat([1], size=9))], ["x"], "b: pictures of"),
        ([("a", flat([1]).astype(np.float32))], ["x"], "a: a sheet needs pictures uint8"),
        ([("a", flat([1])[..., 0])], ["x"], "a: a sheet needs pictures uint8"),
        ([("a", flat([]))], ["x"], "a: a sheet needs pictures uint8"),
    ],
)
def test_what_does_not_fit_is_one_clear_line(tmp_path, rows, titles, message):
    with pytest.raises(DataError, match=message):
        contact_sheet(rows, titles, tmp_path / "s.png")
    assert not list(tmp_path.iterdir())


def test_grid_needs_columns_and_a_folder(tmp_path):
    with pytest.raises(DataError, match="at least one column"):
        grid(flat([1]), tmp_path / "g.png", columns=0)
    (tmp_path / "file").touch()
    with pytest.raises(GenbenchError, match="cannot be written"):
        grid(flat([1]), tmp_path / "file" / "g.png", columns=1)
