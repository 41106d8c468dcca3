"""What predictions tell about unlabelled pictures."""

from __future__ import annotations

from torch import Tensor

__all__ = ["mutual_information"]


def mutual_information(logits: Tensor) -> Tensor:
    """Mutual information of pictures and their predicted classes, H(mean p) - mean H(p), in nats; a scalar.

    High when every prediction is certain and all classes are met equally often (J. S. Bridle et al., NIPS 1991; as a
    loss of adaptation: J. Liang et al., ICML 2020, equation 3).

    Args:
        logits: class scores [N, K].
    """
    probabilities = logits.softmax(1)
    mean = probabilities.mean(0)
    entropy = -(probabilities * logits.log_softmax(1)).sum(1).mean()
    return -(mean * mean.clamp_min(1e-12).log()).sum() - entropy
