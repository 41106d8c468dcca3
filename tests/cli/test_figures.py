"""Figures and start noises through the command line, and the files that sheets and films become."""

from pathlib import Path

import numpy as np
import pytest
import torch
from PIL import Image

from genbench.commands.figure import in_turn
from genbench.drawing import EDGE, GAP, MARGIN, save_sheet
from genbench.errors import DataError
from genbench.figuring import Film, Sheet, Strip
from genbench.filming import FRAME_MS, save_film
from tests.cli.test_bad_input import refused
from tests.conftest import Cli

PATTERN = torch.tensor([[-1.0, 0.0], [0.5, 1.0]]).view(1, 1, 2, 2).repeat(3, 1, 4, 4)


def test_sheets_keep_every_pixel(tmp_path: Path) -> None:
    png, pdf = save_sheet(Sheet("s", [Strip("", PATTERN)]), tmp_path)
    assert (png.name, pdf.name) == ("s.png", "s.pdf")
    assert pdf.read_bytes().startswith(b"%PDF")
    pixels = np.asarray(Image.open(png).convert("L")).astype(int)
    scale = EDGE[1] // 8
    expected = ((PATTERN[0, 0] + 1) * 127.5).round().numpy().astype(int).repeat(scale, 0).repeat(scale, 1)
    for column in range(3):
        left = MARGIN + column * (8 * scale + GAP)
        assert np.array_equal(pixels[MARGIN:-MARGIN, left : left + 8 * scale], expected)


def test_sheets_grow_with_their_type(tmp_path: Path) -> None:
    plain, _ = save_sheet(Sheet("plain", [Strip("", PATTERN)]), tmp_path)
    strip = Strip("a $label$", PATTERN, ["1", "2", "3"])
    labelled, _ = save_sheet(Sheet("labelled", [strip], ["x", "y", "red cube + blue sphere"]), tmp_path)
    (width, height), (wider, higher) = Image.open(plain).size, Image.open(labelled).size
    assert wider > width + 50
    assert higher > height + 50


def test_the_same_sheet_is_the_same_file(tmp_path: Path) -> None:
    sheet = Sheet("s", [Strip("a", PATTERN)])
    first = [path.read_bytes() for path in save_sheet(sheet, tmp_path / "1")]
    assert first == [path.read_bytes() for path in save_sheet(sheet, tmp_path / "2")]


@pytest.mark.parametrize(
    ("sheet", "message"),
    [
        (Sheet("s", []), "no pictures"),
        (Sheet("s", [Strip("a", PATTERN), Strip("b", PATTERN[:2])]), "'b' is"),
        (Sheet("s", [Strip("a", PATTERN)], ["x"]), "1 heads for 3 columns"),
        (Sheet("s", [Strip("a", PATTERN, ["x"])]), "1 captions for 3 pictures"),
    ],
)
def test_sheets_that_do_not_fit_are_refused(tmp_path: Path, sheet: Sheet, message: str) -> None:
    with pytest.raises(DataError, match=message):
        save_sheet(sheet, tmp_path)


@pytest.mark.parametrize("channels", [1, 3])
def test_films_run_for_ever_and_hold_the_last_frame(tmp_path: Path, channels: int) -> None:
    frames = [PATTERN.expand(-1, channels, -1, -1) * level for level in torch.linspace(-1, 1, 5)]
    paths = save_film(Film("f", frames, [str(k) for k in range(5)], ("a", "b", "c"), hold=1.5), tmp_path)
    assert [path.name for path in paths] == ["f.gif", "f.webp"]
    for path in paths:
        film = Image.open(path)
        assert (film.n_frames, film.info["loop"]) == (5, 0)
        durations = []
        for index in range(5):
            film.seek(index)
            film.load()
            durations.append(film.info["duration"])
        assert durations == [FRAME_MS] * 4 + [1500]


def test_pictures_are_taken_class_by_class() -> None:
    labels = np.array([2, 0, 0, 1, 2, 1])
    assert in_turn(np.eye(3, dtype=np.uint8)[labels], 5) == [1, 3, 0, 2, 5]
    sets = np.array([[0, 1, 1], [1, 0, 0], [0, 1, 1], [1, 1, 0]], dtype=np.uint8)
    assert in_turn(sets, 4) == [0, 1, 3, 2]


@pytest.fixture
def run(cli: Cli) -> str:
    answer = cli(
        "run", "ddpm", "--preset", "smoke", "--budget", "2steps", "--pictures", "2", "--metrics", "accuracy", "-q"
    )
    assert answer.code == 0, answer.err
    return cli("ls", "runs", "--format", "csv").out.splitlines()[1].split(",")[0]


def test_figures_of_a_run(cli: Cli, run: str, tmp_path: Path) -> None:
    listing = cli("figure", run, "--format", "csv")
    assert listing.code == 0, listing.err
    assert {line.split(",")[0] for line in listing.out.splitlines()[1:]} >= {"grid", "eta", "animation", "inversion"}

    small = ("--set", "columns=2", "--set", "sample.num_inference_steps=2", "-q")
    first = cli("figure", run, "grid", *small, "--conditions", "3; 7", "--save-noise", "start.npy", "--out", "one")
    assert first.code == 0, first.err
    assert first.out.split() == ["one/grid.png", "one/grid.pdf"]
    assert np.load("start.npy").shape == (2, 1, 16, 16)
    again = cli(
        "figure", run, "grid", *small, "--conditions", "3; 7", "--noise", "start.npy", "--seed", "5", "--out", "two"
    )
    assert again.code == 0, again.err
    assert Path("one/grid.png").read_bytes() == Path("two/grid.png").read_bytes()

    film = cli("figure", run, "animation", "--set", "frames=3", "--set", "rows=1", "-q")
    assert film.code == 0, film.err
    assert film.out.split() == [f"results/figures/{run}/animation.{ending}" for ending in ("gif", "webp")]

    noise = ("--conditions", "1", "--count", "2", "--set", "sample.num_inference_steps=2", "-q")
    assert cli("sample", run, *noise, "--out", "plain").code == 0
    assert cli("sample", run, *noise, "--out", "kept", "--save-noise", "two.safetensors").code == 0
    assert cli("sample", run, *noise, "--out", "given", "--noise", "two.safetensors").code == 0
    for name in ("00000.png", "00001.png"):
        pictures = [Path(folder, name).read_bytes() for folder in ("plain", "kept", "given")]
        assert pictures[0] == pictures[1] == pictures[2]

    np.save("one.npy", np.zeros((1, 1, 16, 16), dtype=np.float32))
    np.save("words.npy", np.array(["a", "b"]))
    np.save("pickled.npy", np.array([{"a": 1}], dtype=object), allow_pickle=True)
    Path("broken.safetensors").write_bytes(b"nonsense")
    for arguments, expected in [
        (["grod"], ["unknown figure of ddpm 'grod'", "'grid'"]),
        (["grid", "--set", "colums=2"], ["unknown key 'colums'", "'columns'"]),
        (["grid", "--set", "columns=0"], ["columns"]),
        (["grid", "--set", "train.size=s"], ["OPTION=VALUE"]),
        (["grid", "--set", "sample.etta=1"], ["unknown key 'etta'"]),
        (["grid", "--conditions", "eleven"], ["unknown condition 'eleven'"]),
        (["grid", "--noise", "one.npy"], ["one.npy: holds 1 start noises", "10 of shape [1, 16, 16]"]),
        (["grid", "--noise", "words.npy"], ["words.npy", "numbers"]),
        (["grid", "--noise", "pickled.npy"], ["pickled.npy"]),
        (["grid", "--noise", "broken.safetensors"], ["broken.safetensors"]),
        (["grid", "--noise", "nowhere.npy"], ["nowhere.npy"]),
        (["grid", "--save-noise", "noise.pt"], ["noise.pt", ".npy or .safetensors"]),
        (["inversion", "--save-noise", "noise.npy"], ["starts from no noise"]),
        (["inversion", "--conditions", "3"], ["held-out pictures", "--conditions"]),
    ]:
        refused(cli("figure", run, *arguments), *expected)
    refused(cli("figure", "beef", "grid"), "no run 'beef'")
    refused(cli("sample", run, *noise, "--noise", "one.npy"), "one.npy: holds 1 start noises", "2 of shape")
