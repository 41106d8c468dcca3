"""Families that go wrong, installed as a distribution would install them."""

from __future__ import annotations

from pathlib import Path

import pytest


def install(folder: Path, class_name: str) -> None:
    """Put the metadata of a distribution with the family ``toy`` into a folder."""
    information = folder / "faulty_family-1.0.dist-info"
    information.mkdir()
    (information / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty-family\nVersion: 1.0\n")
    module = "tests.faults.faulty_family"
    (information / "entry_points.txt").write_text(f"[genbench.families]\ntoy = {module}:{class_name}\n")


@pytest.fixture(autouse=True)
def _quick(quick_store: None) -> None:
    """Every test here has a store of its own."""


@pytest.fixture
def toy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """`faulty_family.Faulty` under the name ``toy``."""
    install(tmp_path, "Faulty")
    monkeypatch.syspath_prepend(str(tmp_path))
