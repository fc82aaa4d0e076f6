"""What is wrong now."""

from __future__ import annotations

from html import escape
from typing import Any

from spanwise.admin.merge import Answers, Merge
from spanwise.admin.messages import Page, Request
from spanwise.admin.routes import route
from spanwise.diagnosis.recorder import recorder_of
from spanwise.diagnosis.why import Finding, Link, findings

_LOOKED_AT = (
    "deadlocks of tracked locks",
    "event loops",
    "thread pools",
    "readiness checks",
    "processor throttling",
    "garbage collection",
    "span exporter",
)
_WELL = "Nothing is wrong that can be seen from here."


def _join(_request: Request, answers: Answers) -> Page:
    """What several workers say in the same words is said once, with who says it."""
    said: dict[str, dict[str, Any]] = {}
    for pid, data in answers.items():
        for each in data["findings"]:
            said.setdefault(each["text"], {**each, "workers": []})["workers"].append(pid)
    found = list(said.values())
    text = "".join(f"{each['text']} ({_workers(each['workers'])})\n" for each in found) or f"{_WELL}\n"
    verdict = found[0]["text"] if found else _WELL
    data = {"verdict": verdict, "well": not found, "findings": found, "looked_at": list(_LOOKED_AT)}
    shown = [Finding(each["kind"], f"{each['text']} ({_workers(each['workers'])})", _evidence(each)) for each in found]
    return Page("Why", text, _html(shown), data, heading=False, stylesheets=("inspect.css",))


def _evidence(each: dict[str, Any]) -> tuple[Link, ...]:
    """The pages of the first worker that says it."""
    first = each["workers"][0]
    return tuple(
        (href.partition("?")[0].rpartition("/")[2], f"{href}{'&' if '?' in href else '?'}worker={first}")
        for href in each["evidence"]
    )


def _workers(pids: list[int]) -> str:
    return f"worker{'s' if len(pids) > 1 else ''} {', '.join(map(str, pids))}"


@route("/admin/why", title="Why", group="Process Info", merge=Merge(_join))
def why(request: Request) -> Page:
    """One line that says what is wrong now, the worst first, with links to the evidence; or that nothing is."""
    found = findings(request.process.health, recorder_of(request.process.registry))
    text = "".join(f"{each.text}\n" for each in found) or f"{_WELL}\n"
    html = _html(found) if request.wants_html else ""
    return Page("Why", text, html, _data(found), heading=False, stylesheets=("inspect.css",))


def _data(found: list[Finding]) -> dict[str, Any]:
    return {
        "verdict": found[0].text if found else _WELL,
        "well": not found,
        "findings": [
            {"kind": each.kind, "text": each.text, "evidence": [href for _, href in each.links]} for each in found
        ],
        "looked_at": list(_LOOKED_AT),
    }


def _html(found: list[Finding]) -> str:
    if not found:
        head = f'<h1 class="verdict verdict-well">{_WELL}</h1>'
    else:
        first, *others = found
        head = f'<h1 class="verdict verdict-wrong">{_marked(first.text)}</h1>{_links(first)}'
        head += "".join(
            f'<section class="card finding"><p>{_marked(each.text)}</p>{_links(each)}</section>' for each in others
        )
    looked = "".join(f"<li>{escape(name)}</li>" for name in _LOOKED_AT)
    more = (
        '<p>Not to be seen from here: slow dependencies (<a href="/admin/requests">requests in flight</a>),'
        ' hot code (<a href="/admin/flamegraph">flamegraph</a>), past faults'
        ' (<a href="/admin/exceptions">exceptions</a>).</p>'
    )
    return f'{head}<section class="card looked-at"><h2>Looked at</h2><ul class="chips">{looked}</ul>{more}</section>'


def _links(finding: Finding) -> str:
    links = "".join(f'<a class="button" href="{escape(href)}">{escape(title)}</a>' for title, href in finding.links)
    return f'<p class="form-row">{links}</p>'


def _marked(text: str) -> str:
    """Escaped, and what stands in backquotes as code."""
    parts = escape(text).split("`")
    if len(parts) % 2 == 0:  # a backquote alone
        return escape(text)
    return "".join(f"<code>{part}</code>" if number % 2 else part for number, part in enumerate(parts))
