"""Any command line as a contender: how long the whole command takes, and a number that it prints.

Work: ``command``; ``environment`` beside the caller's; ``units``; ``value``, a regular expression whose first group is
the number; ``remove``, a folder that is taken away before, so that nothing is known from the last time, and ``copy``,
one that then takes its place.
"""

from __future__ import annotations

import json
import os
import re
import resource
import shutil
import subprocess
import sys
import time
from typing import Any


def main() -> None:
    task: dict[str, Any] = json.loads(sys.argv[1])
    if folder := task.get("remove"):
        shutil.rmtree(folder, ignore_errors=True)
    if known := task.get("copy"):
        shutil.copytree(known, task["remove"])
    environment = {**os.environ, **task.get("environment", {})}
    began = time.perf_counter()
    done = subprocess.run(task["command"], env=environment, capture_output=True, text=True, check=False)
    seconds = time.perf_counter() - began
    if done.returncode:
        sys.exit(f"{' '.join(task['command'])} ended with {done.returncode}: {done.stderr[-1500:]}")
    used = resource.getrusage(resource.RUSAGE_CHILDREN)
    result = {"seconds": seconds, "cpu_seconds": used.ru_utime + used.ru_stime, "units": task["units"]}
    if pattern := task.get("value"):
        found = re.search(pattern, done.stdout + done.stderr)
        if found is None:
            sys.exit(f"{' '.join(task['command'])} printed no {pattern}: {done.stdout[-500:]}")
        result["value"] = float(found[1])
    print(json.dumps(result))


if __name__ == "__main__":
    main()
