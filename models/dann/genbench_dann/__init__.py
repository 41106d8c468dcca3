"""Domain-adversarial adaptation, its conditional relative, and the bounds that both lie between."""

from genbench_dann.family import CDAN, DANN, SourceOnly, TargetOnly

__all__ = ["CDAN", "DANN", "SourceOnly", "TargetOnly"]
