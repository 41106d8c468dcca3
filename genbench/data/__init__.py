"""Data sets: one file each, one loader, one cache."""

from genbench.data.base import SPLITS, DataRequest, Dataset, ImageData, Progress, RawData, Split, UInt8Array
from genbench.data.cache import load
from genbench.data.loader import Batches, PairBatches, to_float, to_uint8

__all__ = [
    "SPLITS",
    "Batches",
    "DataRequest",
    "Dataset",
    "ImageData",
    "PairBatches",
    "Progress",
    "RawData",
    "Split",
    "UInt8Array",
    "load",
    "to_float",
    "to_uint8",
]
