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


def f1_scores(logits: Scores, conditions: npt.ArrayLike, *, exclusive: bool) -> tuple[float, float]:
    """Macro and micro F1 of what the evaluator sees, without being told how many objects there are.

    Seen are, for sets, the objects whose logit is above 0 (probability above ½), and for classes the one with the
    highest logit. F1 = 2 TP / (2 TP + FP + FN): micro over all decisions together, macro the mean over those objects
    that occur among what was asked for or seen. For classes micro F1 is the accuracy.

    Args and errors are those of `topk_accuracy`.
    """
    _hits(logits, conditions)
    scores, wanted = np.asarray(logits), np.asarray(conditions).astype(bool)
    seen = np.eye(scores.shape[1], dtype=bool)[scores.argmax(axis=1)] if exclusive else scores > 0
    true = (seen & wanted).sum(axis=0)
    either = seen.sum(axis=0) + wanted.sum(axis=0)  # 2 TP + FP + FN
    occurring = either > 0
    return float((2 * true[occurring] / either[occurring]).mean()), float(2 * true.sum() / either.sum())


def topk_error(logits: Scores, conditions: npt.ArrayLike) -> float:
    """Standard error of `topk_accuracy` over pictures: a ratio of sums, linearised; 0 for a single picture."""
    hits, sizes = _hits(logits, conditions)
    if len(hits) < 2:
        return 0.0
    rest = hits - hits.sum() / sizes.sum() * sizes
    return float(np.sqrt(len(rest) / (len(rest) - 1) * (rest**2).sum()) / sizes.sum())


def confusion(logits: Scores, conditions: npt.ArrayLike) -> npt.NDArray[np.float64]:
    """What was asked for (rows) against what was seen in its place (columns), [K, K], by the top-k rule.

    An object that is among the k highest scores counts on the diagonal. One that is missing counts evenly for the
    objects seen in place of those missing from its picture, of which there are equally many. A row's sum is how often
    the object was asked for; the diagonal's share of it is the object's own accuracy.

    Args and errors are those of `topk_accuracy`.
    """
    _, sizes = _hits(logits, conditions)
    scores, wanted = np.asarray(logits), np.asarray(conditions).astype(bool)
    ranks = np.argsort(np.argsort(-scores, axis=1, kind="stable"), axis=1)
    seen = ranks < sizes[:, None]
    missing, instead = (wanted & ~seen).astype(float), (seen & ~wanted).astype(float)
    each = np.maximum(instead.sum(axis=1, keepdims=True), 1)
    table: npt.NDArray[np.float64] = missing.T @ (instead / each)
    table[np.diag_indices_from(table)] += (wanted & seen).sum(axis=0)
    return table
