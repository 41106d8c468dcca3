"""Denoising networks, one file each."""
