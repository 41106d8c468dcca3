"""The report: one page that needs nothing else, in a real browser where there is one."""

import re
import shutil
import tomllib
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from genbench.exporting import KeptRun, write_archive
from genbench.exporting.latex import to_latex
from genbench.reporting.page import to_page
from genbench.reporting.pictures import LARGEST, galleries
from genbench.specs import ComparisonSpec, as_toml, validate
from genbench.tables import Comparison
from tests.cli.test_bad_input import refused
from tests.conftest import Cli
from tests.exporting.examples import comparison, marked

NASTY = ("<script>window.hurt=1</script>", '"><img src=x onerror="window.hurt=1">', "{{ 7*7 }} {% raw %} &amp;")
MACHINE = {"cpu": "a processor", "cores": 2, "threads": 1, "python": "3.11", "torch": "2.11", "device": "cpu"}


def record(family: str, repetition: int) -> dict[str, Any]:
    stage = {"machine": MACHINE, "genbench": "0.1.0", "finished": f"2026-01-02T03:0{repetition}:00+00:00"}
    return {
        "family": family,
        "preset": "quick",
        "budget": "120s",
        "repetition": repetition,
        "seed": 41 + repetition,
        "train_config": {"learning_rate": 0.001, "widths": [8, 16], "name": NASTY[0]},
        "sample_config": {},
        "stages": {"train": stage, "sample": stage, "evaluate": stage},
        "metrics": {},
    }


def finish(results: Path, table: Comparison, name: str) -> Path:
    """What `genbench compare` leaves of a comparison, without its figures."""
    table = replace(table, name=name)
    runs = [KeptRun(row.label, "0123", record(row.family, k)) for row in table.rows for k in range(len(row.runs))]
    write_archive(table, runs, results / name)
    Image.new("RGB", (1700, 900), "white").save(results / name / "points.png")
    return results / name


def test_report_of_the_newest_or_of_those_named(cli: Cli, tmp_path: Path) -> None:
    results = tmp_path / "results"
    refused(cli("report"), "no finished comparison under results")
    finish(results, comparison(), "first")
    finish(results, marked(), "second")
    answer = cli("report")
    assert answer.code == 0, answer.err
    assert answer.out == "results/second/report.html\n"
    assert "newest comparison: second" in answer.err
    assert cli("report", "first", "results/second").out.split() == [
        "results/first/report.html",
        "results/second/report.html",
    ]
    assert cli("report", "first", "--out", "page.html").out == "page.html\n"
    page = Path("page.html").read_text(encoding="utf-8")
    assert page == Path("results/first/report.html").read_text(encoding="utf-8")
    for told in ("genbench compare ddpm cgan", "digits-referee", "a processor", "learning rate", "8, 16", "41, 42, 43"):
        assert told in page
    assert "2 January 2026, 03:02 UTC" in page

    refused(cli("report", "frist"), "no finished comparison 'frist'", "did you mean 'first'?")
    refused(cli("report", "first", "second", "--out", "x.html"), "--out names one file")
    Path("mine.toml").write_text('name = "third"\n[data]\nname = "digits"\n[[rows]]\nfamily = "ddpm"\n')
    refused(cli("report", "mine.toml"), "the comparison of mine.toml is not finished under results")
    finish(results, comparison(), "third")
    assert cli("report", "mine.toml").out == "results/third/report.html\n"
    (results / "third" / "points.png").write_bytes(b"no picture")
    damaged = cli("report", "third")
    assert (damaged.code, damaged.out) == (0, "results/third/report.html\n")
    assert "warning: results/third/points.png: not a picture (of no known kind); left out of the page" in damaged.err
    page = (results / "third" / "report.html").read_text(encoding="utf-8")
    assert "<li>points.png: not a picture (of no known kind)</li>" in page
    (results / "third" / "comparison.json").write_text("{")
    refused(cli("report", "third"), "comparison.json: not valid JSON")


def test_the_page_loads_nothing_and_has_no_code_but_its_own(tmp_path: Path) -> None:
    from genbench.exporting import read_archive

    page = to_page(read_archive(finish(tmp_path, comparison(NASTY), "x")))
    assert re.findall(r"<script.*?>", page) == ["<script>"]
    assert set(re.findall(r"<img [^>]*?src=\"(.{5})", page)) == {"data:"}
    assert "{{" not in page.replace(NASTY[2], "")
    policy = re.search(r'http-equiv="Content-Security-Policy" content="([^"]*)"', page)
    assert policy is not None
    assert policy[1].replace("&#39;", "'").startswith("default-src 'none'; img-src data:; style-src 'sha256-")
    assert not re.search(r"""(src|href)=["']?(https?:|//)""", page)


def test_large_pictures_are_made_smaller(tmp_path: Path) -> None:
    import numpy as np

    from genbench.exporting import read_archive

    folder = finish(tmp_path, comparison(), "x")
    noise = np.random.default_rng(0).integers(0, 255, (1000, 1300, 3), dtype=np.uint8)
    for name in ("points", "samples"):
        Image.fromarray(noise).save(folder / f"{name}.png")
    assert sum(path.stat().st_size for path in folder.glob("*.png")) > 2 * LARGEST
    archived = read_archive(folder)
    assert len(to_page(archived)) < 5_000_000
    found, left_out = galleries(archived)
    assert left_out == []
    shown = {picture.title: picture for gallery in found for picture in gallery.pictures}
    assert (shown["Samples"].width, shown["Samples"].height) == (1300, 1000)
    assert shown["Samples"].source.startswith("data:image/webp;base64,")
    adapted, _ = galleries(replace(archived, table=replace(archived.table, task="adaptation")))
    assert [gallery.title for gallery in adapted] == ["Figures", "Features"]


def test_pictures_that_got_lost_are_named(cli: Cli, tmp_path: Path) -> None:
    folder = finish(tmp_path / "results", comparison(), "x")
    finish(tmp_path / "results", comparison(), "x")  # lists the picture that the first left
    assert "left out" not in cli("report", "x").err
    (folder / "points.png").unlink()
    answer = cli("report", "x")
    assert answer.code == 0
    assert "warning: results/x/points.png: missing; left out of the page" in answer.err
    assert "<li>points.png: missing</li>" in (folder / "report.html").read_text(encoding="utf-8")


def test_the_specification_is_on_the_page_and_makes_the_same_comparison(tmp_path: Path) -> None:
    from genbench.exporting import read_archive

    rows = [{"family": "ddpm", "label": label, "train": {"name": label}} for label in (*NASTY, "é λ 中 🚀 \n\x1b")]
    spec = validate(ComparisonSpec, {"rows": rows, "seeds": 2, "budget": "5steps"}, "test")
    table = replace(comparison(), specification=as_toml(spec), command="genbench compare --config mine.toml")
    page = to_page(read_archive(finish(tmp_path, table, "x")))
    shown = re.search(r'<code id="specification">(.*?)</code>', page, flags=re.DOTALL)
    assert shown is not None
    assert validate(ComparisonSpec, tomllib.loads(unescape(shown[1])), "page") == spec
    assert '<button type="button" class="copy"' in page
    lines = to_latex(table).split("\\begin{table}")[0].splitlines()
    assert lines[:2] == ["% Made by: genbench compare --config mine.toml", "% with this file:"]
    text = "\n".join(line.removeprefix("%").strip() for line in lines[2:])
    assert validate(ComparisonSpec, tomllib.loads(text), "table.tex") == spec


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """A headless Chromium."""
    playwright = pytest.importorskip("playwright.sync_api")
    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.skip("chromium is not installed")
    flags = ["--no-sandbox", "--disable-gpu", "--disable-background-networking"]
    with playwright.sync_playwright() as running:
        opened = running.chromium.launch(executable_path=path, headless=True, args=flags)
        yield opened
        opened.close()


@pytest.fixture
def page(browser: Any, tmp_path: Path) -> Iterator[Any]:
    """The report of four rows, three of them with hostile names, the last without any finished run."""
    from genbench.exporting import read_archive
    from genbench.reporting import write_report

    labels = ("ddpm", *NASTY)
    table = replace(comparison(labels, failed=3), title=f"digits {NASTY[0]}", command=f"genbench {NASTY[1]}")
    path = write_report(read_archive(finish(tmp_path, table, "x")), tmp_path / "report.html")
    context = browser.new_context(viewport={"width": 390, "height": 844})
    opened = context.new_page()
    said: list[str] = []
    opened.on("console", lambda message: said.append(message.text))
    opened.on("pageerror", lambda error: said.append(str(error)))
    opened.on("request", lambda request: said.append(request.url) if request.url.startswith("http") else None)
    opened.goto(path.as_uri())
    yield opened
    assert said == []
    assert opened.evaluate("window.hurt") is None
    context.close()


def names(page: Any) -> list[str]:
    return [text.strip() for text in page.locator("table.sortable tbody th").all_text_contents()]


def test_sorts_by_click_and_by_keyboard(page: Any) -> None:
    asked = ["ddpm", *NASTY]
    assert names(page) == asked
    heading = page.locator("th", has=page.get_by_role("button", name="Accuracy ↑"))
    assert heading.get_attribute("aria-sort") == "none"
    page.get_by_role("button", name="Accuracy ↑").click()  # best first; what has no value stays last
    assert heading.get_attribute("aria-sort") == "descending"
    assert names(page) == asked
    page.get_by_role("button", name="Accuracy ↑").click()
    assert heading.get_attribute("aria-sort") == "ascending"
    assert names(page) == [*reversed(asked[:3]), asked[3]]
    assert page.get_by_role("status").text_content() == "Sorted by Accuracy ↑, higher is better, ascending."

    page.get_by_role("button", name="FID ↓").focus()
    page.keyboard.press("Enter")
    fid = page.locator("th", has=page.get_by_role("button", name="FID ↓"))
    assert fid.get_attribute("aria-sort") == "ascending"
    assert heading.get_attribute("aria-sort") == "none"
    page.keyboard.press("Space")
    assert fid.get_attribute("aria-sort") == "descending"
    page.get_by_role("button", name="Row").click()
    assert names(page)[-1] == "ddpm"  # signs stand before letters
    assert page.locator("table.sortable tfoot th").text_content() == "real data"


def test_hostile_names_are_text(page: Any) -> None:
    assert page.locator("main script, main img[onerror], h1 script").count() == 0
    assert NASTY[0] in page.locator("h1").text_content()
    assert NASTY[1] in page.locator("pre").text_content()
    assert page.locator("summary", has_text=NASTY[1]).count() == 1


def test_fits_a_phone_and_serves_keyboards_and_screen_readers(page: Any) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") == 390
    assert page.evaluate("document.querySelector('.scroll').scrollWidth") > 390  # the table scrolls in its own box
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.textContent") == "Skip to the content"
    for landmark in ("banner", "navigation", "main"):
        assert page.get_by_role(landmark).count() == 1
    assert page.locator("img:not([alt]), img[alt='']").count() == 0
    assert page.locator("table:not(:has(caption))").count() == 0
    assert page.locator("h1").count() == 1
    for anchor in page.locator("nav a").all():
        assert page.locator(anchor.get_attribute("href")).count() == 1


def test_text_has_contrast_in_light_and_dark(page: Any) -> None:
    for scheme in ("light", "dark"):
        page.emulate_media(color_scheme=scheme)
        colours = page.evaluate(
            """() => ["body", "a[href='#table']", ".about", "td.best", "thead button", ".notes"].map(selector => {
                 const style = (e, p) => getComputedStyle(e)[p];
                 let behind = document.querySelector(selector);
                 const ink = style(behind, "color");
                 while (style(behind, "backgroundColor") === "rgba(0, 0, 0, 0)") behind = behind.parentElement;
                 return [selector, ink, style(behind, "backgroundColor")];
               })"""
        )
        for selector, ink, behind in colours:
            assert contrast(ink, behind) >= 4.5, (scheme, selector, ink, behind)


def contrast(first: str, second: str) -> float:
    """Contrast of two CSS colours (WCAG 2.2, relative luminance)."""

    def luminance(colour: str) -> float:
        parts = [int(part) / 255 for part in re.findall(r"\d+", colour)[:3]]
        linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts]
        return sum(weight * part for weight, part in zip((0.2126, 0.7152, 0.0722), linear, strict=True))

    dark, light = sorted((luminance(first), luminance(second)))
    return (light + 0.05) / (dark + 0.05)
