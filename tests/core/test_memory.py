"""What is freed stays with the process."""

import subprocess
import sys

import pytest

FAULTS = """
import resource, torch
from genbench.memory import keep_freed_memory

def faults():
    before = resource.getrusage(resource.RUSAGE_SELF).ru_minflt
    for _ in range(10):
        tensors = [torch.ones(2**21) for _ in range(8)]
        del tensors
    return resource.getrusage(resource.RUSAGE_SELF).ru_minflt - before

print(faults(), keep_freed_memory(), faults() and faults())
"""


@pytest.mark.skipif(not sys.platform.startswith("linux"), reason="an order to Linux's C library")
def test_freed_memory_is_not_asked_for_again():
    """Ten times 64 MB: 160 thousand pages of 4 KB are cleared anew, or, once kept, hardly any."""
    before, taken, after = subprocess.run(
        [sys.executable, "-c", FAULTS], capture_output=True, text=True, check=True
    ).stdout.split()
    if taken == "False":
        pytest.skip("another C library than glibc")
    assert int(after) < int(before) / 20
