"""Conditional GANs for genbench: family ``cgan``."""

from genbench_cgan.family import CGAN

__all__ = ["CGAN"]
