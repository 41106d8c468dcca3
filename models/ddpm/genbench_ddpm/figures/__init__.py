"""What ``genbench figure`` can draw of a diffusion model, one file a figure."""

from __future__ import annotations

from genbench.api import Figure
from genbench_ddpm.figures.animation import Animation
from genbench_ddpm.figures.eta import Eta
from genbench_ddpm.figures.forward import Forward
from genbench_ddpm.figures.grid import Grid
from genbench_ddpm.figures.interpolation import Interpolation
from genbench_ddpm.figures.inversion import Inversion
from genbench_ddpm.figures.reverse import Reverse

FIGURES: dict[str, Figure] = {
    "forward": Forward(),
    "grid": Grid(),
    "reverse": Reverse(),
    "animation": Animation(),
    "eta": Eta(),
    "interpolation": Interpolation(),
    "inversion": Inversion(),
}
