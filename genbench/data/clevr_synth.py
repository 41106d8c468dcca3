"""CLEVR-like pictures that genbench renders itself: nothing to download."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping
from typing import Any, ClassVar

from genbench.data.base import DataRequest, Dataset, Progress, RawData, Split
from genbench.data.clevr_render import OBJECTS, condition_lists, render_split
from genbench.data.clevr_scenes import RECIPE
from genbench.errors import ConfigError

COUNTS = {"train": 18_009, "validation": 999, "test": 1_998}
"""Pictures in each split; the training split is as large as i-CLEVR's."""

SMALLEST, LARGEST = 16, 128

PROBE = 9
"""Pictures whose checksum is part of the cache key, so that a changed renderer is noticed."""


class ClevrSynth(Dataset):
    """Scenes of one to three of 24 objects (8 colours x 3 shapes), named and ordered as in i-CLEVR.

    Each scene gives three pictures, each the one before with one more object. Splits have no scene in common. The
    condition lists ``test`` and ``new_test`` hold 32 sets of objects each.
    """

    name: ClassVar[str] = "clevr-synth"
    title: ClassVar[str] = "rendered scenes of 1 to 3 objects (21,006 colour pictures, sets of 24 objects)"
    default_resolution: ClassVar[int] = 32
    builtin: ClassVar[bool] = True

    def source(self, request: DataRequest) -> Mapping[str, Any]:  # noqa: ARG002
        """The scenes' recipe, the numbers of pictures, and what the renderer makes of a few scenes."""
        images, conditions = render_split("train", PROBE, SMALLEST)
        probe = hashlib.sha256(images.tobytes() + conditions.tobytes()).hexdigest()
        return {"recipe": RECIPE, "counts": COUNTS, "probe": probe}

    def decode(self, request: DataRequest, resolution: int, progress: Progress) -> RawData:  # noqa: ARG002
        """Render all splits, on all CPUs.

        Raises:
            ConfigError: when the resolution is odd or outside [16, 128].
        """
        if not SMALLEST <= resolution <= LARGEST or resolution % 2:
            raise ConfigError(
                f"clevr-synth cannot be had at resolution {resolution}: choose an even number from 16 to 128"
            )
        total, done = sum(COUNTS.values()), 0

        def report(pictures: int) -> None:
            nonlocal done
            done += pictures
            progress(done, total)

        splits = {
            name: Split(*render_split(name, count, resolution, progress=report)) for name, count in COUNTS.items()
        }
        return RawData(conditions=OBJECTS, exclusive=False, splits=splits, condition_lists=condition_lists())
