"""Tensors out of a ``.pth`` file that somebody else made: no code in it is run, and it cannot claim what it has not."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import torch

from genbench.errors import DataError
from genbench.limits import UNPACKED_BYTES


def read_pth(path: Path, advice: str) -> Any:
    """What ``torch.save`` wrote, if that is made of tensors and plain containers.

    Args:
        path: the file.
        advice: the way out, for messages.

    Raises:
        DataError: when the file is missing, damaged, holds anything that would have to be executed, or unpacks to more
            than `limits.UNPACKED_BYTES`.
    """
    try:
        if zipfile.is_zipfile(path):
            with zipfile.ZipFile(path) as archive:
                UNPACKED_BYTES.check(sum(entry.file_size for entry in archive.infolist()), path)
        return torch.load(path, map_location="cpu", weights_only=True)
    except DataError:
        raise
    except OSError as error:
        raise DataError(f"{path}: cannot be read: {error.strerror or error}: {advice}") from None
    except MemoryError:
        raise DataError(f"{path}: claims more memory than there is: {advice}") from None
    except Exception as error:  # torch's readers raise almost anything on damaged files
        reason = (str(error).splitlines() or [type(error).__name__])[0][:120]
        raise DataError(f"{path}: not a file of tensors, and is not opened ({reason}): {advice}") from None
