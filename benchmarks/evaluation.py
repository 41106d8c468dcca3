"""Evaluation: Inception features and FID of folders of pictures, by the command lines of genbench and its peers."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from PIL import Image

from benchmarks.alternating import Bout, Contender, alternate, turn
from benchmarks.reporting import markdown
from benchmarks.settings import PEERS, Settings
from genbench.errors import ConfigError
from genbench.metrics.inception import FILE

SIZE = 64
BASE = "torch-fidelity"
INTRODUCTION = """
FID of a folder of PNG files against another, each command from its start to its end; pictures a second are those of
both folders, whether or not their features have to be computed. All use the same Inception weights. torch-fidelity and
genbench resize as TensorFlow 1 did, pytorch-fid as PyTorch does, so that its value is another one. On pictures that are
299×299 already nothing is resized: there torch-fidelity and genbench must agree, while pytorch-fid, which takes pixels
to x/127.5 - 1 and not to x/128 - 1, comes close. `with its floor` also measures real training pictures
against the real ones, as genbench does unless there are only a handful: half as many features again. `cached` know the
features of the reference, not those of the pictures that are measured; `again` know both, as when the same pictures are
measured by one more metric.
"""


@dataclass(frozen=True)
class Folders:
    """Generated pictures, real ones, and a data set for genbench: ``few`` or as many training pictures."""

    generated: Path
    real: Path
    few: Path
    many: Path
    count: int


def run(settings: Settings) -> Path:
    """Cold, cached, and the values; the page's path.

    Raises:
        ConfigError: without Inception weights.
    """
    if settings.inception is None:
        raise ConfigError(f"evaluation needs {FILE}: name it by --inception-weights, or put it into GENBENCH_HOME")
    page = settings.page("evaluation", "Evaluation", INTRODUCTION)
    count = settings.scaled(500, least=16)
    folders = prepare(settings, count, None)
    cold = alternate(contenders(settings, folders), settings.rounds)
    value = {"FID": lambda said: f"{said['value']:.6f}"}
    page.table(f"Cold, {count} + {count} pictures of {SIZE}×{SIZE}", cold, unit="pictures", baseline=BASE, facts=value)
    cached = alternate(cached_contenders(settings, folders), settings.rounds)
    page.table("With features cached", cached, unit="pictures", baseline=BASE, facts=value)
    few = settings.scaled(64, least=16)
    large = alternate(contenders(settings, prepare(settings, few, 299))[:3], 1)
    page.text(f"## Values of {few} + {few} pictures of 299×299", agreement(large))
    page.raw("299", large.rounds)
    return page.write()


def prepare(settings: Settings, count: int, size: int | None) -> Folders:
    """Pictures of the splits ``test`` (real), ``validation`` (in the place of generated) and ``train``."""
    generated, real = (settings.folder(count, SIZE, split, size) for split in ("validation", "test"))
    few, many = (settings.scratch / f"data-{size}-{kind}" for kind in ("few", "many"))
    for data, number in ((few, 12), (many, count)):
        train = settings.folder(number, SIZE, "train", size)
        shutil.copytree(train, data / "train" / "any")
        for split in ("validation", "test"):
            shutil.copytree(settings.folder(12, SIZE, split, size), data / split / "any")
    return Folders(generated, real, few, many, count)


def hub(settings: Settings) -> Path:
    """A folder where pytorch-fid finds the weights, which it would fetch."""
    place = settings.scratch / "hub-of-peers"
    file = place / "hub" / "checkpoints" / "pt_inception-2015-12-05-6726825d.pth"
    if not file.exists():
        file.parent.mkdir(parents=True)
        file.symlink_to(settings.inception.resolve())  # type: ignore[union-attr]
    return place


def contenders(settings: Settings, folders: Folders) -> list[Contender]:
    """Everybody cold."""
    home = settings.scratch / "home"
    return [
        _command(settings, BASE, _fidelity(settings, folders), folders, value=FIDELITY_SAYS),
        _command(settings, "pytorch-fid", _pytorch_fid(settings, folders), folders, value=PYTORCH_FID_SAYS),
        _genbench(settings, "genbench", folders, folders.few, home),
        _genbench(settings, "genbench with its floor", folders, folders.many, home),
    ]


def cached_contenders(settings: Settings, folders: Folders) -> list[Contender]:
    """torch-fidelity cold, and everybody who knows the reference's features, or all, from an earlier command."""
    statistics, cache = settings.scratch / "real.npz", settings.scratch / "fidelity-cache"
    home = settings.scratch / "known-home"
    known = ["--input2-cache-name", "real", "--cache-root", str(cache)]
    saving = [str(PEERS / "python"), "-m", "pytorch_fid", "--save-stats", str(folders.real), str(statistics)]
    other = settings.folder(folders.count, SIZE, "train")
    earlier = Folders(other, folders.real, folders.few, folders.many, folders.count)
    both = ["--input1-cache-name", "generated", *known]
    whole = settings.scratch / "whole-home"
    before = [
        _command(settings, "statistics", [*saving, "--device", str(settings.place)], folders),
        _command(settings, "cache", _fidelity(settings, earlier, known), folders),
        _command(settings, "cache of both", _fidelity(settings, folders, both), folders),
        _genbench(settings, "home", earlier, folders.few, home),
        _genbench(settings, "home of both", folders, folders.few, whole),
    ]
    for contender in before:
        turn(contender)
    return [
        _command(settings, BASE, _fidelity(settings, folders), folders, value=FIDELITY_SAYS),
        _command(settings, "torch-fidelity cached", _fidelity(settings, folders, known), folders, value=FIDELITY_SAYS),
        _command(
            settings,
            "pytorch-fid cached",
            _pytorch_fid(settings, folders, statistics),
            folders,
            value=PYTORCH_FID_SAYS,
        ),
        _genbench(settings, "genbench cached", folders, folders.few, settings.scratch / "home", known=home),
        _command(settings, "torch-fidelity again", _fidelity(settings, folders, both), folders, value=FIDELITY_SAYS),
        _genbench(settings, "genbench again", folders, folders.few, settings.scratch / "home", known=whole),
    ]


FIDELITY_SAYS = r"frechet_inception_distance\D+([\d.e+-]+)"
PYTORCH_FID_SAYS = r"FID:\s+([\d.e+-]+)"
GENBENCH_SAYS = r'"fid": \{\s*"mean": ([\d.e+-]+)'


def _fidelity(settings: Settings, folders: Folders, further: list[str] | None = None) -> list[str]:
    cuda = settings.place.type == "cuda"
    return [
        *(str(PEERS / "fidelity"), "--fid", "--json", "--input1", str(folders.generated)),
        *("--input2", str(folders.real), "--feature-extractor-weights-path", str(settings.inception)),
        *(("--gpu", str(settings.place.index or 0)) if cuda else ("--cpu",)),
        *(further or ["--no-cache"]),
    ]


def _pytorch_fid(settings: Settings, folders: Folders, real: Path | None = None) -> list[str]:
    paths = (str(folders.generated), str(real or folders.real))
    return [str(PEERS / "python"), "-m", "pytorch_fid", *paths, "--device", str(settings.place)]


def _genbench(
    settings: Settings, name: str, folders: Folders, data: Path, home: Path, known: Path | None = None
) -> Contender:
    with Image.open(next(folders.real.iterdir())) as picture:
        size = picture.width
    command = [
        *(sys.executable, "-m", "genbench", "evaluate", str(folders.generated), "--reference", str(folders.real)),
        *("--metrics", "fid", "--dataset", "image-folder", "--data-root", str(data), "--resolution", str(size)),
        *("--inception-weights", str(settings.inception), "--device", str(settings.place)),
        *("--format", "json", "--quiet"),
    ]
    fresh = {"remove": str(home), "copy": None if known is None else str(known)}
    return _command(
        settings, name, command, folders, value=GENBENCH_SAYS, environment={"GENBENCH_HOME": str(home)}, **fresh
    )


def _command(
    settings: Settings,
    name: str,
    command: list[str],
    folders: Folders,
    environment: Mapping[str, str] | None = None,
    **options: Any,
) -> Contender:
    environment = {"TORCH_HOME": str(hub(settings)), **(environment or {})}
    task = {"command": command, "units": 2 * folders.count, "environment": environment, **options}
    return settings.ours(name, "command", task)


def agreement(bout: Bout) -> str:
    """Values side by side, with relative differences from the first."""
    values = {name: bout.last(name)["value"] for name in bout.names}
    first = values[bout.names[0]]
    rows = [[f"`{name}`", f"{value:.6f}", f"{abs(value - first) / first:.1e}"] for name, value in values.items()]
    return markdown(["contender", "FID", "relative difference"], rows)
