"""What a case of bad input is, and what the tables of cases are made of."""

from __future__ import annotations

import io
import json
import struct
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

Content = str | bytes | Callable[[Path], Any]
"""A file's text, its bytes, or what puts it at a path."""


@dataclass(frozen=True)
class Case:
    """One bad input.

    Attributes:
        name: what is bad, in words.
        arguments: of genbench, which runs in a folder of its own.
        names: what the message must name: the file, key or option that is wrong.
        advises: a word of the way out.
        files: put into the folder before, by path.
        variables: of the environment; None unsets one.
        finished: the folder has a finished comparison ``done`` of one run in ``results``; ``files`` may then have
            patterns, for files that are there.
        code: what genbench exits with.
    """

    name: str
    arguments: Sequence[str]
    names: str
    advises: str
    files: Mapping[str, Content] = field(default_factory=dict)
    variables: Mapping[str, str | None] = field(default_factory=dict)
    finished: bool = False
    code: int = 2

    def __str__(self) -> str:
        return self.name

    def prepare(self, folder: Path) -> None:
        """Put the files into the folder."""
        for pattern, content in self.files.items():
            found = sorted(folder.glob(pattern)) if "*" in pattern else [folder / pattern]
            assert found, f"{self.name}: nothing is {pattern}"
            for path in found:
                path.parent.mkdir(parents=True, exist_ok=True)
                place(path, content)


def place(path: Path, content: Content) -> None:
    """Put one file there."""
    if callable(content):
        content(path)
    elif isinstance(content, bytes):
        path.write_bytes(content)
    else:
        path.write_text(content, encoding="utf-8")


def changed(change: Callable[[Any], Any]) -> Content:
    """The JSON that is there, changed: by what ``change`` returns, or in place."""

    def rewrite(path: Path) -> None:
        content = json.loads(path.read_text(encoding="utf-8"))
        result = change(content)
        path.write_text(json.dumps(content if result is None else result), encoding="utf-8")

    return rewrite


def shortened(path: Path) -> None:
    """The file that is there, cut in half."""
    content = path.read_bytes()
    path.write_bytes(content[: len(content) // 2])


def nested(opening: str = "[", depth: int = 100_000) -> str:
    """Something nested deeper than any reader follows."""
    return opening * depth


def picture(kind: str = "PNG", mode: str = "L", size: tuple[int, int] = (16, 16), **options: Any) -> bytes:
    """A good picture file."""
    buffer = io.BytesIO()
    Image.new(mode, size, {"RGB": (200, 10, 10), "CMYK": (0, 250, 250, 0)}.get(mode, 128)).save(buffer, kind, **options)
    return buffer.getvalue()


def png(width: int, height: int, *, bits: int = 8, colour: int = 0, data: bytes = b"") -> bytes:
    """A PNG file that claims this size, with the compressed ``data``."""

    def chunk(kind: bytes, content: bytes) -> bytes:
        return struct.pack(">I", len(content)) + kind + content + struct.pack(">I", zlib.crc32(kind + content))

    header = struct.pack(">IIBBBBB", width, height, bits, colour, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", data) + chunk(b"IEND", b"")


def idx(array: Any, *, magic: bytes | None = None, shape: Sequence[int] | None = None) -> bytes:
    """An idx file of bytes, whose header may lie."""
    values = np.asarray(array, np.uint8)
    sizes = values.shape if shape is None else shape
    start = bytes((0, 0, 8, len(sizes))) if magic is None else magic
    return start + struct.pack(f">{len(sizes)}I", *sizes) + values.tobytes()


def safetensors(header: Any, data: bytes = b"") -> bytes:
    """A safetensors file with this header: JSON, or bytes as they are."""
    text = header if isinstance(header, bytes) else json.dumps(header).encode()
    return struct.pack("<Q", len(text)) + text + data
