"""Denoising diffusion for genbench: the families ``ddpm`` and ``ddim``."""

from genbench_ddpm.family import DDIM, DDPM

__all__ = ["DDIM", "DDPM"]
