"""genbench: benchmarks and compares generative image models, measured the same way."""

__version__ = "0.1.0"
