"""The scores by which weights are chosen, on validation pictures; see `genbench.selection`."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator

import numpy as np
import numpy.typing as npt
import torch
from torch import Tensor

from genbench.api import AdaptationLearner, Batch, GenerativeLearner, Learner
from genbench.data import to_float
from genbench.data.base import Split, UInt8Array
from genbench.evaluators import Evaluator
from genbench.evaluators.scoring import topk_accuracy
from genbench.hashing import derive_seed
from genbench.selection import Criterion

LOSS_PICTURES = 256
"""Pictures, at most, of a generative learner's validation loss."""
CLASSIFIED_PICTURES = 1000
"""Pictures, at most, that are classified for a score of adaptation."""
GUIDE_PICTURES = 128
"""Pictures sampled for the guide's score, unless told otherwise."""

_CHUNK = 64

Sampler = Callable[[GenerativeLearner, UInt8Array], UInt8Array]
"""Pictures uint8 [N, H, W, C] that a learner makes for conditions uint8 [N, K], the same every time."""


def fixed_order(size: int) -> npt.NDArray[np.int64]:
    """A shuffled order of ``size`` pictures that never changes, so that any beginning of it is a fair sample."""
    return np.random.default_rng(derive_seed("validation order")).permutation(size)


def validation_loss(split: Split, device: torch.device) -> Criterion:
    """``validation``: the family's own `GenerativeLearner.validate`, the mean over pictures."""
    order = fixed_order(len(split))[:LOSS_PICTURES]

    def compute(learner: Learner, pictures: int) -> float | None:
        if not isinstance(learner, GenerativeLearner):
            return None
        chosen, total = order[:pictures], 0.0
        for rows in _chunks(chosen):
            conditions = torch.from_numpy(split.conditions[rows]).to(device, torch.float32)
            loss = learner.validate(Batch(_pictures(split, rows, device), conditions))
            if loss is None:
                return None
            total += len(rows) * float(loss)
        return total / len(chosen)

    return Criterion("validation", "validation/loss", "loss on validation pictures", "lower", compute)


def guide_accuracy(split: Split, guide: Evaluator, sampler: Sampler, pictures: int = GUIDE_PICTURES) -> Criterion:
    """``guide``: the guide's top-k accuracy on pictures made for conditions of the validation split."""
    conditions = split.conditions[fixed_order(len(split))]
    conditions = conditions[conditions.any(axis=1)][:pictures]

    def compute(learner: Learner, pictures: int) -> float | None:  # noqa: ARG001 - sampling was asked for at its price
        if not isinstance(learner, GenerativeLearner):
            return None
        return topk_accuracy(guide.logits(sampler(learner, conditions)), conditions)

    score = f"the guide's accuracy on {len(conditions)} pictures made for validation conditions"
    return Criterion("guide", "validation/accuracy_guide", score, "higher", compute)


def labelled_accuracy(split: Split, device: torch.device, domain: str) -> Criterion:
    """``source``: top-1 accuracy on validation pictures of the domain whose labels the family trains on."""
    score = f"accuracy on validation pictures of the labelled domain ({domain})"
    return _accuracy("source", "validation/source_accuracy", score, split, device)


def oracle_accuracy(split: Split, device: torch.device) -> Criterion:
    """``oracle``: top-1 accuracy on the target's validation pictures, with their labels. No method may use it."""
    score = "accuracy on the target's validation pictures, with their labels"
    return _accuracy("oracle", "validation/oracle_accuracy", score, split, device)


def mutual_information(images: UInt8Array, device: torch.device) -> Criterion:
    """``unsupervised``: how much the predictions tell about unlabelled target pictures (`information`).

    Chosen for three reasons: it needs predictions only, so it is as cheap as an accuracy; it has no parameter that
    would have to be chosen in turn; and, unlike the mean entropy alone, it is not fooled by a classifier that puts
    every picture into one class, which is how adversarial adaptation fails.
    """
    order = fixed_order(len(images))[:CLASSIFIED_PICTURES]

    def compute(learner: Learner, pictures: int) -> float | None:
        logits = _logits(learner, images, order[:pictures], device)
        return None if logits is None else information(logits)

    score = "mutual information of unlabelled target validation pictures and predictions (Bridle et al. 1991)"
    return Criterion("unsupervised", "validation/information", score, "higher", compute)


def information(logits: Tensor) -> float:
    """[H(mean p) - mean H(p)] / log K with p the softmax of ``logits`` [N, K]; in [0, 1].

    1 when every prediction is certain and all classes are predicted equally often; 0 when all predictions are alike.
    After J. S. Bridle, A. J. R. Heading, D. J. C. MacKay, *Unsupervised classifiers, mutual information and phantom
    targets*, NIPS 1991, equation 3; as a score for choosing models of domain adaptation: K. Musgrave, S. Belongie,
    S.-N. Lim, arXiv:2208.07360.
    """
    p = logits.double().softmax(dim=1)
    gained = torch.special.entr(p.mean(dim=0)).sum() - torch.special.entr(p).sum(dim=1).mean()
    return float(gained) / math.log(logits.shape[1])


def _accuracy(name: str, logged: str, score: str, split: Split, device: torch.device) -> Criterion:
    order = fixed_order(len(split))[:CLASSIFIED_PICTURES]

    def compute(learner: Learner, pictures: int) -> float | None:
        rows = order[:pictures]
        logits = _logits(learner, split.images, rows, device)
        if logits is None or not bool(logits.isfinite().all()):
            return None
        truth = torch.from_numpy(split.conditions[rows].argmax(axis=1))
        return float((logits.argmax(dim=1) == truth).double().mean())

    return Criterion(name, logged, score, "higher", compute)


def _logits(learner: Learner, images: UInt8Array, rows: npt.NDArray[np.int64], device: torch.device) -> Tensor | None:
    if not isinstance(learner, AdaptationLearner):
        return None
    scores = [learner.classify(_to_device(images[chunk], device)) for chunk in _chunks(rows)]
    return torch.cat(scores).float().cpu()


def _pictures(split: Split, rows: npt.NDArray[np.int64], device: torch.device) -> Tensor:
    return _to_device(split.images[rows], device)


def _to_device(images: UInt8Array, device: torch.device) -> Tensor:
    return to_float(torch.from_numpy(np.array(images)).to(device))


def _chunks(rows: npt.NDArray[np.int64]) -> Iterator[npt.NDArray[np.int64]]:
    for start in range(0, len(rows), _CHUNK):
        yield rows[start : start + _CHUNK]
