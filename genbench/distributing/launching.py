"""Bringing the processes of one training together: started here, or by ``accelerate launch`` or ``torchrun``.

The leader (rank 0) is the process that the user sees. It plans, samples, measures and keeps everything; only when it
has something to train does it call the others, which open the same data, train with it and end.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from importlib.util import find_spec
from typing import Any

import torch

from genbench.distributing.meeting import (
    DISMISS,
    GRACE_SECONDS,
    LOOPBACK,
    ORDER,
    PATIENCE,
    READY,
    TRAIN,
    Launched,
    joined,
    loopback_interface,
    meeting_place,
    new_meeting_place,
    obituary,
    reason,
    reporting,
    wait_until_ready,
)
from genbench.distributing.team import ALONE, PeerLost, Team
from genbench.errors import ConfigError
from genbench.surroundings import environment

COMMAND = [sys.executable, "-m", "genbench.commands.assist"]
"""What the leader starts: told its part on stdin."""


def check(processes: int, *, batch_size: int, device: torch.device) -> None:
    """Raise `ConfigError` when so many processes cannot train with batches of this size on this kind of device."""
    if processes == 1:
        return
    if find_spec("accelerate") is None:
        raise ConfigError(f"--processes {processes} needs accelerate: pip install 'genbench[distributed]'")
    launched = Launched().size
    if launched not in (1, processes):
        raise ConfigError(f"--processes {processes}, but {launched} were launched: leave --processes out")
    if batch_size % processes:
        raise ConfigError(
            f"train.batch_size {batch_size} cannot be shared evenly by {processes} processes: "
            f"use a multiple of {processes}"
        )
    if device.type == "cuda":
        here = int(os.environ.get("LOCAL_WORLD_SIZE", str(processes)))
        if ":" in str(device):
            raise ConfigError(f"--processes {processes} takes a GPU each: use --device cuda, not {device}")
        if here > torch.cuda.device_count():
            raise ConfigError(
                f"{here} processes need {here} GPUs, and torch sees {torch.cuda.device_count()}: "
                "use fewer --processes, or --device cpu"
            )


@contextmanager
def assembled(processes: int, device: torch.device, request: Mapping[str, Any]) -> Iterator[Team]:
    """The leader's team, for one training.

    Args:
        processes: of the team, this one among them.
        device: where training happens.
        request: what ``genbench.commands.assist`` needs to know to train with us, as JSON has it; a launcher's
            processes know it already.

    Raises:
        RunError, Diverged: when another process fails or is lost, with its reason.
    """
    if processes == 1:
        yield ALONE
        return
    with ExitStack() as stack:
        workers: list[subprocess.Popen[str]] = []
        if Launched().size > 1:
            store = meeting_place()
        else:
            store, port = new_meeting_place()
            threads = max(1, torch.get_num_threads() // processes)
            places = _places(processes, port, threads)
            stack.enter_context(_threads(threads))
            stack.enter_context(environment(places | {"RANK": "0", "LOCAL_RANK": "0"}))
            workers = stack.enter_context(_workers(processes, places, request))
        store.set(ORDER, TRAIN)
        wait_until_ready(store, processes, workers)
        with joined(store, device, lambda words: reason(store, workers, words)) as team:
            yield team


def dismiss() -> None:
    """Let processes that a launcher started go, when the leader has nothing to train, or has trained."""
    launched = Launched()
    if launched.size > 1 and not launched.rank:
        with suppress(RuntimeError):
            meeting_place().compare_set(ORDER, "", DISMISS)


def assist(prepare: Callable[[], tuple[torch.device, Callable[[Team], None]]]) -> int:
    """Take part in a training that the leader calls for, and return the exit code of this process.

    Args:
        prepare: called when there is something to train; gives the device, and what trains as part of a team.
    """
    rank = Launched().rank
    try:
        store = meeting_place()
        store.wait([ORDER], PATIENCE)
        if store.get(ORDER).decode() == DISMISS:
            return 0
        with reporting(store):
            if torch.cuda.is_available():
                torch.cuda.set_device(int(os.environ["LOCAL_RANK"]) % torch.cuda.device_count())
            device, train = prepare()
            store.set(f"{READY}/{rank}", "")
            with joined(store, device, PeerLost) as team, reporting(store):
                train(team)
    except KeyboardInterrupt:  # as agreed with the leader, who still writes the checkpoint
        return 0
    except Exception:  # the leader does the talking
        return 1
    return 0


def _places(processes: int, port: int, threads: int) -> dict[str, str]:
    size = str(processes)
    address = {"MASTER_ADDR": LOOPBACK, "MASTER_PORT": str(port)}
    for library in ("GLOO", "NCCL"):  # what they say to each other stays on this machine, too
        address[f"{library}_SOCKET_IFNAME"] = os.environ.get(f"{library}_SOCKET_IFNAME", loopback_interface())
    return {"WORLD_SIZE": size, "LOCAL_WORLD_SIZE": size, **address, "OMP_NUM_THREADS": str(threads)}


@contextmanager
def _workers(
    processes: int, places: Mapping[str, str], request: Mapping[str, Any]
) -> Iterator[list[subprocess.Popen[str]]]:
    """The other processes. They are told what to do on stdin, and end when it closes: with the leader at the latest.

    They have sessions of their own, so that Ctrl-C reaches the leader alone, and the team stops between two steps.
    """
    workers = []
    try:
        for rank in range(1, processes):
            place = {**os.environ, **places, "RANK": str(rank), "LOCAL_RANK": str(rank)}
            worker = subprocess.Popen(
                COMMAND, env=place, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True, start_new_session=True
            )
            workers.append(worker)
            with suppress(BrokenPipeError):
                assert worker.stdin is not None
                worker.stdin.write(json.dumps(request) + "\n")
                worker.stdin.flush()
        with _watched(workers):
            yield workers
        for worker in workers:
            with suppress(subprocess.TimeoutExpired):
                worker.wait(GRACE_SECONDS)
    finally:
        for worker in workers:
            worker.kill()
            worker.communicate()


@contextmanager
def _watched(workers: Sequence[subprocess.Popen[str]]) -> Iterator[None]:
    """End this process, too, when another has died and nobody has noticed: a GPU may wait for it without end."""
    left = threading.Event()

    def watch() -> None:
        while not left.wait(1.0):
            ended = obituary(workers, well=False)
            if ended is not None and not left.wait(3 * GRACE_SECONDS):
                print(f"genbench: {ended}", file=sys.stderr, flush=True)
                os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    try:
        yield
    finally:
        left.set()


def told() -> Any:
    """What the leader wrote to a process that it started; from now on this process ends when the leader does."""
    request = json.loads(sys.stdin.readline())

    def watch() -> None:
        sys.stdin.read()
        os._exit(1)

    threading.Thread(target=watch, daemon=True).start()
    return request


@contextmanager
def _threads(count: int) -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(count)
    try:
        yield
    finally:
        torch.set_num_threads(before)
