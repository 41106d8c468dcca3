"""What processes that train together say to each other. One process alone says nothing."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, fields, replace
from typing import Any

import torch
from torch import Tensor, nn
from torch import distributed as dist
from torch.autograd import Variable

from genbench.api import Learner
from genbench.distributing.sharing import Sharing
from genbench.errors import RunError

Told = Mapping[str, Tensor]


class PeerLost(RunError):  # noqa: N818 - a state, as `Diverged` is
    """Another process of the team is gone."""


@dataclass(frozen=True)
class Orders:
    """What the team does before its next step.

    Attributes:
        progress: the share of the budget that is spent.
        flush: whether scalars are brought together.
        save: whether a checkpoint is kept.
        stop: whether training is interrupted.
    """

    progress: float
    flush: bool = False
    save: bool = False
    stop: bool = False


class Team:
    """One process alone, and what a team of several can do.

    Attributes:
        rank: this process's number; 0 leads: it decides, keeps the checkpoint and is the one that is heard.
        size: how many there are.
    """

    rank: int = 0
    size: int = 1

    @contextmanager
    def training(self, learner: Learner, step: int) -> Iterator[None]:  # noqa: ARG002
        """Within the block, the learner's gradients are the whole team's.

        Raises:
            RunError: when the processes do not all begin at the same step.
        """
        yield

    def agreed(self, orders: Orders) -> Orders:
        """The leader's orders; stop when any process wants to stop."""
        return orders

    @contextmanager
    def sharing(self, batch: Any) -> Iterator[Any]:
        """This process's share of a batch; within the block, draws and batch statistics are the whole batch's."""
        yield batch

    def mean(self, values: Tensor) -> Tensor:
        """The mean over the team of values of the same shape."""
        return values

    def gathered(self, state: Told) -> list[Told]:
        """What each process has, by rank, for the leader; nobody else may rely on the others'."""
        return [state]


ALONE = Team()


class Crew(Team):
    """Several processes that are connected by torch's process groups.

    Every process must make the same calls in the same order. The default group carries tensors on their device;
    ``control`` carries what processes agree on, on the CPU, so that no GPU has to be waited for.

    Args:
        control: a gloo group of all processes.
        lost: says in one line why another process does not answer, given torch's words.
    """

    def __init__(self, control: dist.ProcessGroup, lost: Callable[[str], RunError]) -> None:
        self.rank, self.size = dist.get_rank(), dist.get_world_size()
        self._control, self._lost = control, lost

    @contextmanager
    def training(self, learner: Learner, step: int) -> Iterator[None]:  # noqa: D102
        begun: list[int | None] = [None] * self.size
        with self._together():
            dist.all_gather_object(begun, step, group=self._control)
            if len(set(begun)) > 1:
                raise RunError(f"processes begin at different steps {begun}: all need the same results folder")
            for network in learner.networks.values():
                for tensor in network.state_dict().values():
                    dist.broadcast(tensor, 0)
        gradients = Gradients(_parameters(learner), self.mean)
        try:
            yield
        finally:
            gradients.release()

    def agreed(self, orders: Orders) -> Orders:  # noqa: D102
        leads = self.rank == 0
        told = [orders.progress * leads, orders.flush * leads, orders.save * leads, orders.stop]
        heard = torch.tensor(told, dtype=torch.float64)
        with self._together():
            dist.all_reduce(heard, group=self._control)
        progress, flush, save, stop = heard.tolist()
        return Orders(progress, bool(flush), bool(save), bool(stop))

    @contextmanager
    def sharing(self, batch: Any) -> Iterator[Any]:  # noqa: D102
        tensors = {field.name: getattr(batch, field.name) for field in fields(batch)}
        rows = len(next(iter(tensors.values()))) // self.size
        own = slice(self.rank * rows, (self.rank + 1) * rows)
        with Sharing(self.rank, self.size, rows, self._total):
            yield replace(batch, **{name: tensor[own] for name, tensor in tensors.items()})

    def mean(self, values: Tensor) -> Tensor:  # noqa: D102
        with self._together():
            dist.all_reduce(values)
        return values.div_(self.size)

    def gathered(self, state: Told) -> list[Told]:  # noqa: D102
        on_cpu = {key: value.detach().cpu() for key, value in state.items()}
        everyone: list[Any] = [None] * self.size
        with self._together():
            dist.all_gather_object(everyone, on_cpu, group=self._control)
        return [state if rank == self.rank else told for rank, told in enumerate(everyone)]

    def _total(self, values: Tensor) -> Tensor:
        result: Tensor = _Total.apply(values, self._sum)
        return result

    def _sum(self, values: Tensor) -> Tensor:
        with self._together():
            dist.all_reduce(values)
        return values

    @contextmanager
    def _together(self) -> Iterator[None]:
        """Whatever torch says of a connection that broke becomes one line."""
        try:
            yield
        except RuntimeError as error:
            raise self._lost(str(error)) from error


class Gradients:
    """Averages gradients over the team at the end of every backward pass, whichever networks it went through.

    A family may clip or log its gradients before it steps, and may step several optimisers in turn, so neither the
    step nor a wrapper around one network is the place. A gradient that two passes add up is averaged twice, which
    changes nothing: what came from the first pass is the same in all processes by then.

    Args:
        parameters: what gets gradients.
        mean: the mean of a tensor over the team.
    """

    def __init__(self, parameters: Iterable[nn.Parameter], mean: Callable[[Tensor], Tensor]) -> None:
        self._mean = mean
        self._touched: dict[int, nn.Parameter] = {}
        self._handles = [self._watch(number, parameter) for number, parameter in enumerate(parameters)]

    def release(self) -> None:
        """Leave the parameters as they were."""
        for handle in self._handles:
            handle.remove()

    def _watch(self, number: int, parameter: nn.Parameter) -> Any:
        def touched(parameter: Tensor) -> None:
            if not self._touched:
                Variable._execution_engine.queue_callback(self._average)
            self._touched[number] = parameter  # type: ignore[assignment]

        frozen = not parameter.requires_grad
        handle = parameter.requires_grad_().register_post_accumulate_grad_hook(touched)  # type: ignore[no-untyped-call]
        if frozen:
            parameter.requires_grad_(False)
        return handle

    @torch.no_grad()
    def _average(self) -> None:
        # Sorted, since processes must agree on the order, and the backward pass need not visit in the same one.
        gradients = [p.grad for _, p in sorted(self._touched.items()) if p.grad is not None]
        self._touched.clear()
        flat = self._mean(torch.cat([gradient.flatten() for gradient in gradients]))
        parts = torch.split(flat, [gradient.numel() for gradient in gradients])
        torch._foreach_copy_(gradients, [part.view(g.shape) for part, g in zip(parts, gradients, strict=True)])


class _Total(torch.autograd.Function):
    """Σ_r x_r, of which every process has a copy: the gradient for x_r is the sum of what all copies get."""

    @staticmethod
    def forward(ctx: Any, values: Tensor, total: Callable[[Tensor], Tensor]) -> Tensor:
        ctx.total = total
        return total(values.clone())

    @staticmethod
    def backward(ctx: Any, *gradients: Tensor) -> tuple[Tensor, None]:
        result: Tensor = _Total.apply(gradients[0].contiguous(), ctx.total)
        return result, None


def _parameters(learner: Learner) -> list[nn.Parameter]:
    """Of all networks and optimisers, each once."""
    networks = [p for network in learner.networks.values() for p in network.parameters()]
    optimized = [p for o in learner.optimizers.values() for group in o.param_groups for p in group["params"]]
    return list(dict.fromkeys([*networks, *optimized]))
