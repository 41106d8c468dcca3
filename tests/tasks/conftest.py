from pathlib import Path

import pytest


@pytest.fixture
def genbench_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty GENBENCH_HOME of the test's own."""
    folder = tmp_path / "home"
    monkeypatch.setenv("GENBENCH_HOME", str(folder))
    return folder
