"""Make the pictures of the README from the invented run in ``report.json``, through the plugin's own code.

    python docs/images/make.py

``terminal.svg`` needs nothing else; ``page.png`` and ``page-dark.png`` need Chromium, and look best with the fonts
Inter and JetBrains Mono installed.
"""  # noqa: INP001 - a script, not a module

from __future__ import annotations

import shutil
import subprocess
import tempfile
from collections.abc import Mapping
from pathlib import Path
from xml.etree import ElementTree as ET

from pytest_floe.report import html, terminal
from pytest_floe.report.models import PreflightReport

HERE = Path(__file__).parent
BROWSERS = ("chromium", "chromium-browser", "google-chrome")
SCHEMES = {"page.png": 1, "page-dark.png": 0}  # Blink's preferredColorScheme: 0 dark, 1 light
WINDOW = "1080,1184"

CHARACTER, LINE, MARGIN = 8.4, 21, 20  # pixels at a font size of 14
COLOURS = {"green": "#74cf98", "yellow": "#eab04a", "red": "#ff958b"}
TEXT, BACKGROUND = "#e8ebee", "#14181c"


def main() -> None:
    """Write all pictures beside this file."""
    report = PreflightReport.model_validate_json((HERE / "report.json").read_text(encoding="utf-8"))
    shown = [
        ("$ pytest --floe-env=prod", {}),
        ("", {}),
        *terminal.lines(report, "preflight-report/preflight-report.html"),
    ]
    (HERE / "terminal.svg").write_text(_svg(shown), encoding="utf-8")
    with tempfile.TemporaryDirectory() as folder:
        page = Path(folder, "page.html")
        page.write_text(html.render(report), encoding="utf-8")
        for name, scheme in SCHEMES.items():
            _photograph(page, HERE / name, scheme)


def _svg(shown: list[terminal.Line]) -> str:
    width = max(len(text) for text, _ in shown) * CHARACTER + 2 * MARGIN
    height = len(shown) * LINE + 2 * MARGIN
    svg = ET.Element("svg", xmlns="http://www.w3.org/2000/svg", viewBox=f"0 0 {width:.0f} {height}", role="img")
    ET.SubElement(svg, "title").text = "Summary of a preflight run in a terminal"
    ET.SubElement(svg, "rect", width="100%", height="100%", rx="8", fill=BACKGROUND)
    font = {"font-family": "JetBrains Mono, ui-monospace, Menlo, Consolas, monospace", "font-size": "14"}
    group = ET.SubElement(svg, "g", {**font, "style": "font-variant-ligatures: none"})
    for number, (text, markup) in enumerate(shown, start=1):
        line = ET.SubElement(group, "text", _place(text, number) | _look(markup))
        line.text = text.replace(" ", "\N{NO-BREAK SPACE}")  # the one kind of space that every viewer keeps
    ET.indent(svg, "")
    return ET.tostring(svg, encoding="unicode") + "\n"


def _place(text: str, number: int) -> dict[str, str]:
    # The length is given, so that columns stay straight whatever font the reader has.
    length = {"textLength": f"{len(text) * CHARACTER:.1f}"} if text else {}
    return {"x": str(MARGIN), "y": f"{MARGIN + number * LINE - 6}"} | length


def _look(markup: Mapping[str, bool]) -> dict[str, str]:
    fill = next((colour for name, colour in COLOURS.items() if markup.get(name)), TEXT)
    return {"fill": fill, "font-weight": "bold" if markup.get("bold") else "normal"}


def _photograph(page: Path, picture: Path, scheme: int) -> None:
    browser = next(filter(None, map(shutil.which, BROWSERS)), None)
    if browser is None:
        raise SystemExit(f"no Chromium found, tried: {', '.join(BROWSERS)}")
    with tempfile.TemporaryDirectory() as profile:
        options = [
            "--headless",
            "--no-sandbox",
            "--disable-gpu",
            "--no-first-run",
            "--disable-background-networking",
            "--disable-component-update",
            "--disable-quic",
            "--disable-sync",
            "--hide-scrollbars",
            f"--user-data-dir={profile}",
            f"--window-size={WINDOW}",
            f"--blink-settings=preferredColorScheme={scheme}",
            f"--screenshot={picture}",
        ]
        subprocess.run([browser, *options, page.as_uri()], check=True, capture_output=True, timeout=60)  # noqa: S603


if __name__ == "__main__":
    main()
