"""Pictures a second of the built-in CLEVR-like renderer: `python benchmarks/clevr_render.py [PICTURES]`."""

from __future__ import annotations

import sys
import time

from genbench.data.clevr_render import render_split


def main() -> None:
    """Print one line for each resolution and number of processes; starting the processes is included."""
    count = int(sys.argv[1]) if len(sys.argv) > 1 else 3000
    for resolution in (32, 64):
        for processes in (1, 2):
            start = time.perf_counter()
            render_split("train", count, resolution, processes=processes)
            seconds = time.perf_counter() - start
            print(f"{resolution} x {resolution}, {processes} process(es): {count / seconds:.0f} pictures/s")


if __name__ == "__main__":
    main()
