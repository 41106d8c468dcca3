"""The machine's rate of matrix multiplication: the best of square products of several sizes."""

from __future__ import annotations

import time

import torch

from benchmarks.contenders.measuring import answer, work


def main() -> None:
    task = work()
    device, dtype = torch.device(task["device"]), getattr(torch, task["precision"])
    best = (1.0, 1.0)
    for size in task["sizes"]:
        a, b = (torch.randn(size, size, device=device, dtype=dtype) for _ in range(2))
        a @ b
        repeats = max(1, int(task["flop"] / (2 * size**3)))
        _wait(device)
        began = time.perf_counter()
        for _ in range(repeats):
            a @ b
        _wait(device)
        found = (time.perf_counter() - began, 2.0 * size**3 * repeats)
        best = max(best, found, key=lambda pair: pair[1] / pair[0])
    answer(seconds=best[0], units=best[1])


def _wait(device: torch.device) -> None:
    if device.type == "cuda":
        torch.cuda.synchronize(device)


if __name__ == "__main__":
    main()
