"""The harness of benchmarks: turns, ratios, failures."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest
import torch

from benchmarks import alternating
from benchmarks.alternating import Bout, Contender, ContenderFailed, alternate
from benchmarks.reporting import Page, markdown


def saying(name: str, said: str, ending: int = 0) -> Contender:
    code = f"import sys; print('warming up'); print({said!r}); print('lost', file=sys.stderr); sys.exit({ending})"
    return Contender(name, [sys.executable, "-S", "-c", code])


def result(seconds: float, units: float = 1) -> dict[str, float]:
    return {"seconds": seconds, "units": units}


def test_contenders_take_turns_in_rounds(tmp_path: Path) -> None:
    log = tmp_path / "log"
    code = "import sys; open(sys.argv[1], 'a').write(sys.argv[2]); print('{\"seconds\": 2, \"units\": 8}')"
    contenders = [Contender(name, [sys.executable, "-S", "-c", code, str(log), name]) for name in "ABC"]
    bout = alternate(contenders, 2, tell=lambda line: None)
    assert log.read_text() == "ABCABC"
    assert bout.names == ["A", "B", "C"]
    assert bout.rate("B") == 4
    assert len(bout.loads) == len(bout.rounds) == 2


def test_ratios_are_taken_within_rounds_so_that_a_slower_machine_does_not_show() -> None:
    # In the second round everything takes ten times as long; medians of seconds would not see A's lead of two.
    rounds = [{"A": result(s, 2), "B": result(s, 1)} for s in (1.0, 10.0, 3.0)]
    rounds[2]["A"] = result(2.0, 2)
    ratio = Bout(rounds).ratio("A", "B")
    assert (ratio.median, ratio.smallest, ratio.largest) == (2, 2, 3)
    assert str(ratio) == "2.00 (2.00 to 3.00)"


@pytest.mark.parametrize(
    ("contender", "complaint"),
    [
        (saying("broken", "{}", ending=3), "broken: ended with 3: lost"),
        (saying("mute", ""), "mute: should end with JSON of seconds and units"),
        (saying("prose", "done in 3 s"), "not done in 3 s"),
        (saying("half", '{"seconds": 1}'), "half: should end with JSON"),
        (saying("frozen", '{"seconds": 0, "units": 1}'), "frozen: should end with JSON"),
        (Contender("absent", ["/no/such/interpreter"]), "absent: cannot be started"),
    ],
)
def test_a_contender_that_fails_ends_the_bout_with_its_name(contender: Contender, complaint: str) -> None:
    with pytest.raises(ContenderFailed, match=complaint):
        alternate([contender], 1, tell=lambda line: None)


def test_a_contender_that_hangs_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(alternating, "LONGEST", 0.2)
    with pytest.raises(ContenderFailed, match="was not done after"):
        alternate([Contender("idle", [sys.executable, "-S", "-c", "import time; time.sleep(60)"])], 1)


@pytest.mark.parametrize(("names", "rounds"), [([], 1), (["A", "A"], 1), (["A"], 0)])
def test_bouts_that_cannot_be_read_are_refused(names: list[str], rounds: int) -> None:
    with pytest.raises(ValueError, match="names that differ"):
        alternate([saying(name, "{}") for name in names], rounds)


def test_a_page_has_ratios_machine_and_command_and_the_raw_numbers_beside_it(tmp_path: Path) -> None:
    bout = Bout([{"peer": result(2, 10), "ours": {**result(1, 10), "loss": 0.25}}], [1.5])
    page = Page("speed", "Speed", "How fast.", command="make bench", device=torch.device("cpu"), threads=3)
    facts = {"loss": lambda said: str(said.get("loss", "–"))}
    page.table("Steps", bout, unit="steps", baseline="peer", facts=facts)
    text = page.write(tmp_path).read_text()
    assert "| `peer` | 5 | 1 | – |" in text
    assert "| `ours` | 10 | 2.00 (2.00 to 2.00) | 0.25 |" in text
    assert "processor" not in text
    assert "Made by `make bench`" in text
    assert "threads of a contender: 3" in text
    assert f"torch {torch.__version__}" in text
    assert "load 1.5 to 1.5" in text
    raw = json.loads((tmp_path / "speed.json").read_text())
    assert raw["Steps"]["rounds"][0]["ours"]["loss"] == 0.25


def test_processor_time_stands_beside_where_all_report_it(tmp_path: Path) -> None:
    said = {name: {"seconds": 4.0, "cpu_seconds": cpu, "units": 8} for name, cpu in (("peer", 2.0), ("ours", 1.0))}
    page = Page("speed", "Speed", "How fast.", command="make bench", device=torch.device("cpu"), threads=1)
    page.table("Steps", Bout([said], [0.0]), unit="steps", baseline="peer")
    assert "| `ours` | 2 | 1.00 (1.00 to 1.00) | 2.00 (2.00 to 2.00) |" in page.write(tmp_path).read_text()


def test_markdown_tables_have_as_many_cells_in_every_line() -> None:
    lines = markdown(["a", "b"], [["1", "2"], ["3", "4"]]).splitlines()
    assert lines == ["| a | b |", "|:--|--:|", "| 1 | 2 |", "| 3 | 4 |"]
