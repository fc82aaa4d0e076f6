"""What the garbage collector does."""

from __future__ import annotations

import gc
import time
from html import escape
from typing import Any

from spanwise.admin import wording
from spanwise.admin.messages import Page, Request
from spanwise.admin.routes import route
from spanwise.admin.tables import table
from spanwise.diagnosis.garbage import PAUSES
from spanwise.diagnosis.recorder import recorder_of

_SHOWN = 20


@route("/admin/gc", title="Garbage collection", group="Process Info")
def garbage(request: Request) -> Page:
    """Generations with thresholds and counts, the share of time that collections take, and the latest long pauses."""
    data = _data(request)
    html = _html(data) if request.wants_html else ""
    return Page("Garbage collection", _text(data), html, data, stylesheets=("inspect.css",))


def _data(request: Request) -> dict[str, Any]:
    recorder = recorder_of(request.process.registry)
    now, before = recorder.look(), recorder.before(61.0)
    elapsed = now.at - before.at if before is not None else 0.0
    share = (now.gc_s - before.gc_s) / elapsed if before is not None and elapsed > 1 else None
    generations = [
        {"generation": number, "threshold": threshold, "pending": pending, **stats}
        for number, (threshold, pending, stats) in enumerate(
            zip(gc.get_threshold(), gc.get_count(), gc.get_stats(), strict=True)
        )
    ]
    moment = time.monotonic()
    return {
        "enabled": gc.isenabled(),
        "frozen_objects": gc.get_freeze_count(),
        "share_of_last_minute": None if share is None else round(share, 5),
        "generations": generations,
        "long_pauses": [
            {
                "ago_s": round(moment - pause.ended_at, 1),
                "ms": round(pause.seconds * 1000, 2),
                "generation": pause.generation,
                "collected": pause.collected,
            }
            for pause in PAUSES.long()[:_SHOWN]
        ],
    }


def _headline(data: dict[str, Any]) -> str:
    if not data["enabled"]:
        return "Automatic collection is off."
    share = data["share_of_last_minute"]
    return "Collections run." if share is None else f"Collections take {wording.share(share)} of the time."


def _text(data: dict[str, Any]) -> str:
    lines = [_headline(data), f"frozen objects: {data['frozen_objects']}"]
    for row in data["generations"]:
        lines.append(" ".join(f"{name}={value}" for name, value in row.items()))
    lines += [
        f"{pause['ms']:.1f} ms, generation {pause['generation']}, {pause['ago_s']:.0f} s ago"
        for pause in data["long_pauses"]
    ]
    return "\n".join(lines) + "\n"


def _html(data: dict[str, Any]) -> str:
    census = '<a href="/admin/flamegraph?kind=census">Objects by type</a>'
    parts = [f'<div class="banner"><strong>{escape(_headline(data))}</strong><span>{census}</span></div>']
    parts.append(_table("Generations", data["generations"]))
    if data["long_pauses"]:
        parts.append(_table("Latest pauses of 1 ms and more", data["long_pauses"]))
    return "".join(parts)


def _table(title: str, rows: list[dict[str, Any]]) -> str:
    head = "".join(f'<th class="number">{escape(name.replace("_", " "))}</th>' for name in rows[0])
    body = "".join(
        "<tr>" + "".join(f'<td class="number">{value:,}</td>' for value in row.values()) + "</tr>" for row in rows
    )
    return f'<h2 class="table-title">{escape(title)}</h2>{table(head, body)}'
