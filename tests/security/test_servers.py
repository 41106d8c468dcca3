"""What listens, listens to this machine; names of strangers are text wherever they are shown."""

from __future__ import annotations

import re

import psutil
import pytest

from genbench.commands.ui import is_loopback
from genbench.distributing.meeting import LOOPBACK, loopback_interface, new_meeting_place
from genbench.exporting.csv import to_csv
from genbench.exporting.html import to_html
from genbench.exporting.latex import to_latex
from genbench.exporting.markdown import to_markdown
from genbench.tables import Cell, Column, Comparison, Row

HOSTILE = (
    "<script>alert(1)</script>",
    '"><img src=x onerror=alert(1)>',
    "\\input{/etc/passwd}",
    "\\write18{touch x}",
    "a % comment $x^2$ & _b_ # ~ {c}",
    "[click](javascript:alert(1))",
    '=HYPERLINK("http://x")',
    "{{ 7 * 7 }}{% raw %}",
    "\u202egnp.exe",
    "out of the comment\n\\input{/etc/passwd}",
    "out of the code ``` ` [click](javascript:alert(1))",
)


def table(label: str) -> Comparison:
    """A table whose every name is a stranger's."""
    cell = Cell(0.5, 0.4, 0.6, [0.5])
    column = Column("accuracy", label, better="higher", identity={"extractor": label})
    row = Row(label, label, label, 1, 0, {"accuracy": cell})
    return Comparison("x", label, "generation", label, 16, [column], [row], notes=[label], command=label)


@pytest.mark.parametrize("label", HOSTILE)
def test_hostile_names_are_text(label: str) -> None:
    page = to_html(table(label))
    assert "<script" not in page
    assert "<img" not in page
    assert "49" not in page.replace("0.49", "")
    paper = "\n".join(line for line in to_latex(table(label)).splitlines() if not line.startswith("%"))
    assert "\\input{/etc" not in paper
    assert "\\write18" not in paper
    text = to_markdown(table(label))
    assert "[click](javascript" not in re.sub(r"(`+)(?!`).*?(?<!`)\1(?!`)", "", text)  # but within code
    assert not any(
        cell.startswith(("=", '"=')) for line in to_csv(table(label)).splitlines() for cell in line.split(",")
    )
    for text in (page, paper, to_markdown(table(label))):
        assert "\u202e" not in text


def test_processes_that_train_together_meet_on_this_machine_alone() -> None:
    store, port = new_meeting_place()
    store.set("a", "b")
    assert store.get("a") == b"b"
    listening = [
        c.laddr.ip for c in psutil.Process().net_connections("tcp") if c.laddr.port == port and c.status == "LISTEN"
    ]
    assert listening == [LOOPBACK]
    assert loopback_interface().startswith("lo")


@pytest.mark.parametrize(
    ("host", "expected"),
    [
        ("127.0.0.1", True),
        ("127.9.9.9", True),
        ("::1", True),
        ("localhost", True),
        ("0.0.0.0", False),
        ("::", False),
        ("example.org", False),
    ],
)
def test_which_hosts_are_this_machine(host: str, expected: bool) -> None:
    assert is_loopback(host) is expected
