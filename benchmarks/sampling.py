"""Sampling: diffusers' pipelines against genbench's samplers, on the same network, from the same noise."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks.alternating import Bout, alternate
from benchmarks.reporting import brief, markdown
from benchmarks.settings import Settings

BASE = "diffusers DDIM float32"
QUICK = "genbench quick"
WIDTHS = (32, 64, 64)
STEPS = 6
"""More would show nothing but how DDIM on fresh weights makes differences larger at every one."""
INTRODUCTION = """
The 32-64-64 `UNet2DModel` at 32×32 with fresh weights: what it draws says nothing, what it costs does. `fast` is
bfloat16 under autocast with channels_last. Samplers are set as diffusers sets them (`leading` timesteps, clipped
estimates). *Differs* is the root mean square, in shares of white, of the difference from what diffusers' pipeline of
the same sampler draws in float32 from the same noise. A picture-step is one picture taken one step back; its cost does
not depend on the number of steps, so that few are enough to measure. `genbench quick` is what the preset `quick`
samples with at this size: genbench's own network `xs+` on patches of 2 with 24 conditions, guidance (two evaluations a
step, counted as one picture-step), 25 steps of DPM-Solver++.
"""
SAME = {"timestep_spacing": "leading", "use_clipped_model_output": False}


def run(settings: Settings) -> Path:
    """Measure picture-steps, then say what 1,000 pictures take; the page's path."""
    page = settings.page("sampling", "Sampling", INTRODUCTION)
    pictures, steps = settings.scaled(64, least=4), STEPS
    common = {"resolution": 32, "pictures": pictures, "steps": steps, "seed": 0}
    network = {"widths": WIDTHS, "attention": ()}
    config = {
        "network": "unet2d",
        "block_out_channels": WIDTHS,
        "attention_levels": (),
        "conditioning": "none",
        "schedule": "linear",
        "prediction_type": "epsilon",
    }
    contenders, drawn = [], dict[str, Path]()
    for precision, short in (("float32", "float32"), ("bfloat16", "fast")):
        for sampler in ("ddim", "ddpm"):
            theirs, ours = (f"{who} {sampler.upper()} {short}" for who in ("diffusers", "genbench"))
            drawn |= {name: settings.scratch / f"{name}.npy" for name in (theirs, ours)}
            task: dict[str, Any] = {**common, "precision": precision}
            contenders += [
                settings.theirs(
                    theirs, "diffusers_sampling", task | network | {"sampler": sampler, "out": str(drawn[theirs])}
                ),
                settings.ours(
                    ours,
                    "genbench_sampling",
                    task | {"config": config, "sample": SAME | {"sampler": sampler}, "out": str(drawn[ours])},
                ),
            ]
    quick = {
        "config": {"size": "xs+", "patch_size": 2, "conditioning": "adagn+cross-attention"},
        "conditions": 24,
        "precision": "auto",
        "sample": {"sampler": "dpm-solver++", "guidance_scale": 3.0},
        "out": str(settings.scratch / "quick.npy"),
    }
    bout = alternate([*contenders, settings.ours(QUICK, "genbench_sampling", common | quick)], settings.rounds)
    differs = {name: _difference(name, drawn) for name in bout.names}
    page.table(
        f"{pictures} pictures, {steps} steps", bout, unit="picture-steps", baseline=BASE, columns={"differs": differs}
    )
    page.text("## What 1,000 pictures take", "Worked out from the rates above.", thousand(bout))
    return page.write()


def _difference(name: str, drawn: Mapping[str, Path]) -> str:
    """From diffusers' pictures of the same sampler in float32."""
    reference = f"diffusers {name.split()[1]} float32"
    if name == reference or name not in drawn:
        return "–"
    return f"{np.sqrt(np.square(np.load(drawn[name]) - np.load(drawn[reference])).mean()):.1e}"


def thousand(bout: Bout) -> str:
    """Seconds for 1,000 pictures, and how many times faster than the pipeline with all its 1,000 steps."""
    slowest, rows = "diffusers DDPM float32", []
    for name in bout.names:
        for steps in _steps(name):
            ratio = bout.ratio(name, slowest)
            factor = f"{ratio.median * 1000 / steps:.1f}"
            rows.append([f"`{name}`", str(steps), brief(1000 * steps / bout.rate(name)), factor])
    return markdown(["contender", "steps", "seconds", f"times `{slowest}` with 1,000 steps"], rows)


def _steps(name: str) -> tuple[int, ...]:
    return (25,) if name == QUICK else (1000,) if "DDPM" in name else (50, 25)
