"""Content hashes and the seeds derived from them."""

from __future__ import annotations

import hashlib
import json
from typing import Any


def content_hash(content: Any) -> str:
    """The first 16 hex digits of the SHA-256 of ``content`` as canonical JSON (sorted keys, no spaces).

    Raises:
        TypeError: when ``content`` holds something JSON cannot express.
    """
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), allow_nan=False, ensure_ascii=True)
    return hashlib.sha256(text.encode()).hexdigest()[:16]


def derive_seed(*parts: str | int) -> int:
    """A seed in [0, 2⁶³) that depends on nothing but ``parts``.

    Seeds made this way do not depend on order or on which family asks, so competitors meet the same repetition seeds
    and comparisons can be paired.
    """
    text = "\x1f".join(str(part) for part in parts)
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:8], "big") >> 1
