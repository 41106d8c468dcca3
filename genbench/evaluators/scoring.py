"""The rules that turn an evaluator's scores into numbers."""

from __future__ import annotations

import numpy as np
import numpy.typing as npt

from genbench.errors import DataError

Scores = npt.NDArray[np.floating]


def topk_accuracy(logits: Scores, conditions: npt.ArrayLike) -> float:
    """The share of asked-for objects that are among the evaluator's highest scores.

    For a picture whose condition has k objects, count how many of the k highest scores are in it; sum over pictures and
    divide by the sum of k. With one class a picture (k = 1) this is top-1 accuracy.

    Args:
        logits: [N, K], finite; of equal scores, the lower index counts as higher.
        conditions: [N, K] in {0, 1}, at least one 1 in each row.

    Raises:
        DataError: when shapes differ, a condition is empty or not of zeros and ones, or a score is not finite.
    """
    hits, sizes = _hits(logits, conditions)
    return float(hits.sum() / sizes.sum())


def exact_set_rate(logits: Scores, conditions: npt.ArrayLike) -> float:
    """The share of pictures whose k highest scores are exactly the condition's k objects.

    Args and errors are those of `topk_accuracy`.
    """
    hits, sizes = _hits(logits, conditions)
    return float((hits == sizes).mean())


def _hits(logits: Scores, conditions: npt.ArrayLike) -> tuple[npt.NDArray[np.int64], npt.NDArray[np.int64]]:
    """For each picture, how many of the k highest scores are in the condition, and k."""
    scores, wanted = np.asarray(logits), np.asarray(conditions)
    if scores.ndim != 2 or scores.shape != wanted.shape or not len(scores):
        raise DataError(f"accuracy needs one row of scores a condition, not {scores.shape} for {wanted.shape}")
    if not ((wanted == 0) | (wanted == 1)).all():
        raise DataError("accuracy needs conditions of zeros and ones")
    wanted = wanted.astype(bool)
    sizes = wanted.sum(axis=1)
    if not sizes.all():
        raise DataError(
            f"the condition of picture {int(sizes.argmin())} is empty: accuracy needs at least one object in each"
        )
    if not np.isfinite(scores).all():
        row = int((~np.isfinite(scores)).any(axis=1).argmax())
        raise DataError(f"the evaluator's scores of picture {row} are not finite numbers")
    ranked = np.take_along_axis(wanted, np.argsort(-scores, axis=1, kind="stable"), axis=1)
    among_top = np.arange(scores.shape[1]) < sizes[:, None]
    return (ranked & among_top).sum(axis=1), sizes
