"""The pages: one for each board, with the shared look beside them, so that a folder can be opened anywhere, offline."""

from __future__ import annotations

import shutil
from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import Any

from spanwise.web import STATIC, NavLink, page
from spanwise_dashboards.preview.data import Answers, Window, placed
from spanwise_dashboards.preview.panels import panel_html
from spanwise_dashboards.progress import Progress
from spanwise_dashboards.prometheus import Prometheus

Json = dict[str, Any]
_STYLES = Path(__file__).parent / "preview.css"


def write_previews(
    boards: Sequence[Json], prometheus: Prometheus, out: Path, window: Window, chosen: dict[str, str]
) -> list[Path]:
    """Writes `<uid>.html` for each board; returns the paths. `chosen`: values of variables, by name.

    Raises PrometheusError, and OSError for a folder that cannot be written.
    """
    look = out / "look"
    look.mkdir(parents=True, exist_ok=True)
    for file in STATIC.iterdir():
        if file.is_file():
            shutil.copyfile(file, look / file.name)
    shutil.copyfile(_STYLES, look / _STYLES.name)
    written = []
    with Progress("drawing", len(boards)) as progress:
        for board in boards:
            path = out / f"{board['uid']}.html"
            path.write_text(board_html(board, boards, prometheus, window, chosen), encoding="utf-8")
            written.append(path)
            progress.step()
    return written


def board_html(
    board: Json, boards: Sequence[Json], prometheus: Prometheus, window: Window, chosen: dict[str, str]
) -> str:
    """One board as a document that needs the files of `look/` and nothing else."""
    answers = Answers(board, prometheus, window, chosen)
    sections = []
    for row, inside in placed(board, answers):
        panels = "".join(panel_html(panel, answers, values) for panel, values in inside)
        sections.append(f'<h2>{escape(str(row["title"]))}</h2><div class="preview-row">{panels}</div>')
    nav = [NavLink(str(one["title"]), f"{one['uid']}.html", one is board) for one in boards]
    minutes = round((window.end - window.start) / 60)
    settings = ", ".join(
        f"{name} = {value}" for name, value in answers.values.items() if name in ("service_name", "other_service_name")
    ).replace("= .+", "= all")
    return page(
        str(board["title"]),
        "".join(sections),
        subtitle=f"Preview of {minutes} minutes, drawn by Spanwise, not by Grafana. {settings}",
        nav=nav,
        static_url="look",
        product="boards",
        home=f"{boards[0]['uid']}.html",
        stylesheets=["look/preview.css"],
        wide=True,
    )
