"""A share of a batch that behaves as a part of the whole: in what is drawn for it, and in how it is normalised.

A family draws noise, timesteps or dropout masks for the pictures that it is handed, with plain torch functions. Within
`Sharing`, such a function draws for the whole batch, as one process would from the same seed, and hands out the rows of
this share. A batch is cut into shares of equal size, so means over pictures need only be averaged over shares, which
holds for gradients too; batch normalisation, which is no such mean, is computed from all shares here.

What is not covered: draws inside ``scaled_dot_product_attention`` and other fused functions, permutations of a batch,
and statistics of a batch that a family computes by itself. They see this share alone.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional as F
from torch.overrides import TorchFunctionMode

Function = Callable[..., Any]
Total = Callable[[Tensor], Tensor]


class Sharing(TorchFunctionMode):
    """Rows ``rank·rows … (rank + 1)·rows`` of a batch are this process's share.

    A dimension of k·rows places counts as k stretches of one batch each: two for features of source and target
    pictures in a row. Of several such dimensions the first counts. Shapes without one are drawn alike everywhere.

    Args:
        rank, size: which share this is, of how many.
        rows: pictures in a share.
        total: the sum of a tensor over all shares, differentiable in this one's.
    """

    def __init__(self, rank: int, size: int, rows: int, total: Total) -> None:
        super().__init__()
        self._rank, self._size, self._rows, self._total = rank, size, rows, total

    def __torch_function__(
        self, func: Function, types: Any, args: Sequence[Any] = (), kwargs: Mapping[str, Any] | None = None
    ) -> Any:
        """Called in place of every torch function."""
        kind = _KINDS.get(func)
        if kind is None:
            return func(*args, **(kwargs or {}))
        return kind(self, func, args, kwargs or {})

    def _sized(self, func: Function, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """``randn(2, 3)``, ``randn((2, 3))``, ``randint(10, (2, 3))`` or ``randn(size=(2, 3))``."""
        others = dict(kwargs)
        if "size" in others:
            rest, shape = args, others.pop("size")
        elif args and isinstance(args[-1], Sequence):
            *rest, shape = args
        else:
            rest, shape = (), args
        dim = self._batch_dim(shape)
        if dim is None:
            return func(*args, **kwargs)
        return self._share(func(*rest, size=self._whole(shape, dim), **others), dim)

    def _like(self, func: Function, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """``randn_like(x)``."""
        pattern, *rest = args
        dim = self._batch_dim(pattern.shape)
        return (
            func(*args, **kwargs) if dim is None else self._share(func(self._room(pattern, dim), *rest, **kwargs), dim)
        )

    def _in_place(self, func: Function, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """``x.normal_()``."""
        target, *rest = args
        dim = self._batch_dim(target.shape)
        if dim is None:
            return func(*args, **kwargs)
        return target.copy_(self._share(func(self._room(target, dim), *rest, **kwargs), dim))

    def _from_tensors(self, func: Function, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """``bernoulli(p)``: what stands in for the other shares' rows changes nothing for this one's."""
        first = next((value for value in args if isinstance(value, Tensor)), None)
        if first is None:
            return self._sized(func, args, kwargs)
        dim = self._batch_dim(first.shape)
        if dim is None:
            return func(*args, **kwargs)
        grown = [self._repeated(v, dim) if isinstance(v, Tensor) and v.shape == first.shape else v for v in args]
        return self._share(func(*grown, **kwargs), dim)

    def _dropout(self, func: Function, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        """``dropout(x, p, training, inplace)``: a tensor of ones becomes the mask, divided by 1 - p."""
        call: dict[str, Any] = {"p": 0.5, "training": True, "inplace": False}
        call |= dict(zip(("input", *call), args, strict=False)) | dict(kwargs)
        pattern: Tensor = call["input"]
        dim = self._batch_dim(pattern.shape)
        if not call["training"] or dim is None:
            return func(*args, **kwargs)
        mask = self._share(func(self._room(pattern, dim).fill_(1), call["p"], True), dim)
        return pattern.mul_(mask) if call["inplace"] else pattern * mask

    def _batch_norm(self, func: Function, args: Sequence[Any], kwargs: Mapping[str, Any]) -> Any:
        names = ("input", "running_mean", "running_var", "weight", "bias", "training", "momentum", "eps")
        call = dict(zip(names, args, strict=False)) | dict(kwargs)
        if not call.get("training", False) or self._batch_dim(call["input"].shape) != 0:
            return func(*args, **kwargs)
        call.pop("training")
        return self._normalised(**call)

    def _normalised(
        self,
        input: Tensor,
        running_mean: Tensor | None,
        running_var: Tensor | None,
        weight: Tensor | None = None,
        bias: Tensor | None = None,
        momentum: float = 0.1,
        eps: float = 1e-5,
    ) -> Tensor:
        """(x - μ)/√(σ² + ε)·w + b with μ = mean of μ_r and σ² = mean of σ_r² + (μ_r - μ)² over all shares r.

        Args:
            input: this share, [rows, C, …].
            running_mean, running_var, weight, bias: [C], or None; the first two move by ``momentum``.
            momentum, eps: as in ``torch.nn.functional.batch_norm``.
        """
        count = self._size * input.numel() // input.shape[1]
        if count == 1:
            raise ValueError("one value a channel cannot be normalised: use a larger batch")
        x = input.float() if input.dtype in (torch.bfloat16, torch.float16) else input
        own = torch.stack(torch.var_mean(x, [d for d in range(x.ndim) if d != 1], correction=0))
        slots = [own if rank == self._rank else torch.zeros_like(own) for rank in range(self._size)]
        variances, means = self._total(torch.stack(slots)).unbind(1)
        mean = means.mean(0)
        variance = (variances + (means - mean).square()).mean(0)
        with torch.no_grad():
            if running_mean is not None:
                running_mean.lerp_(mean.to(running_mean), momentum)
            if running_var is not None:
                running_var.lerp_((variance * count / (count - 1)).to(running_var), momentum)
        shape = [1, -1] + [1] * (x.ndim - 2)
        scale = torch.rsqrt(variance + eps) * (1 if weight is None else weight)
        result = (x - mean.view(shape)) * scale.view(shape)
        return (result if bias is None else result + bias.view(shape)).to(input.dtype)

    def _batch_dim(self, shape: Sequence[int]) -> int | None:
        return next((d for d, places in enumerate(shape) if places and places % self._rows == 0), None)

    def _whole(self, shape: Sequence[int], dim: int) -> list[int]:
        return [places * self._size if d == dim else places for d, places in enumerate(shape)]

    def _room(self, pattern: Tensor, dim: int) -> Tensor:
        """An empty tensor for the whole batch, laid out as this share is."""
        order = sorted(range(pattern.ndim), key=pattern.stride, reverse=True)
        shape = self._whole(pattern.shape, dim)
        return torch.empty_permuted(shape, order, dtype=pattern.dtype, device=pattern.device)

    def _repeated(self, share: Tensor, dim: int) -> Tensor:
        stretches = torch.unflatten(share, dim, (-1, 1, self._rows))
        return torch.cat([stretches] * self._size, dim + 1).flatten(dim, dim + 2)

    def _share(self, whole: Tensor, dim: int) -> Tensor:
        """This share's rows of each stretch."""
        if whole.shape[dim] == self._size * self._rows:
            return whole.narrow(dim, self._rank * self._rows, self._rows)
        stretches = torch.unflatten(whole, dim, (-1, self._size, self._rows))
        return stretches.select(dim + 1, self._rank).flatten(dim, dim + 1)


_KINDS: dict[Function, Callable[[Sharing, Function, Sequence[Any], Mapping[str, Any]], Any]] = {
    **dict.fromkeys((torch.rand, torch.randn, torch.randint), Sharing._sized),
    **dict.fromkeys((torch.rand_like, torch.randn_like, torch.randint_like), Sharing._like),
    **dict.fromkeys(
        (
            Tensor.normal_,
            Tensor.uniform_,
            Tensor.bernoulli_,
            Tensor.random_,
            Tensor.exponential_,
            Tensor.log_normal_,
            Tensor.cauchy_,
            Tensor.geometric_,
        ),
        Sharing._in_place,
    ),
    **dict.fromkeys((torch.normal, torch.bernoulli, Tensor.bernoulli, torch.multinomial), Sharing._from_tensors),
    **dict.fromkeys((F.dropout, F.dropout1d, F.dropout2d, F.dropout3d), Sharing._dropout),
    F.batch_norm: Sharing._batch_norm,
}
