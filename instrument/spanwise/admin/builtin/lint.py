"""Lint results, in twitter-server's shape."""

from __future__ import annotations

import threading
import time
from collections.abc import Iterable
from html import escape
from itertools import groupby
from typing import Any

from spanwise import lint as linting
from spanwise.admin.messages import HTML, Page, Request, Response
from spanwise.admin.rendering import json_response
from spanwise.admin.routes import UNLISTED, route
from spanwise.lint import Finding

# Rules look at installed packages and every logger: often enough, and a page that is reloaded costs nothing.
_FRESH_S = 5.0
_BANNER_FRESH_S = 300.0
_lock = threading.Lock()
_latest: tuple[float, list[Finding]] | None = None


@route("/admin/lint", title="Lint", group="Process Info")
def lint(_request: Request) -> Page:
    """What is set up in a way that will hurt later: every rule, the failing ones first."""
    findings = _findings(_FRESH_S)
    failing = [each for each in findings if each.issues]
    lines = [
        f"{each.rule.category}: {each.rule.name} ({each.rule.id}): {issue}" for each in failing for issue in each.issues
    ]
    lines.append(f"{len(findings) - len(failing)} of {len(findings)} rules hold")
    return Page("Lint", "\n".join([*lines, ""]), _html(findings), _results(findings))


@route("/admin/lint.json", title="Lint as JSON", group=UNLISTED)
def lint_json(_request: Request) -> Response:
    """The same as JSON."""
    return json_response(_results(_findings(_FRESH_S)))


@route("/admin/failedlint", title="Lint banner", group=UNLISTED)
def failedlint(_request: Request) -> Response:
    """A line of HTML with the number of failing rules, empty where all hold; five minutes old at most."""
    failing = sum(1 for each in _findings(_BANNER_FRESH_S) if each.issues)
    if not failing:
        return Response(body=b"")
    rules = "1 lint rule fails" if failing == 1 else f"{failing} lint rules fail"
    text = f'<p class="banner banner-warning">{rules}: <a href="/admin/lint">see which</a></p>'
    return Response(body=text.encode(), content_type=HTML)


def _findings(fresh_s: float) -> list[Finding]:
    global _latest
    import spanwise.lint_rules  # registers them

    assert spanwise.lint_rules
    with _lock:  # one at a time: whoever comes meanwhile gets the same result
        if _latest is None or time.monotonic() - _latest[0] > fresh_s:
            findings = linting.run()
            _latest = time.monotonic(), findings
        return _latest[1]


def _results(findings: list[Finding]) -> dict[str, Any]:
    failing = [each for each in findings if each.issues]
    return {
        "lint_results": {
            "metadata": {
                "num_rules_run": len(findings),
                "num_rules_ok": len(findings) - len(failing),
                "num_rules_failed": len(failing),
                "num_issues_found": sum(len(each.issues) for each in failing),
            },
            "failed_rules": [
                {
                    "category": each.rule.category,
                    "id": each.rule.id,
                    "name": each.rule.name,
                    "description": each.rule.description,
                    "issues": list(each.issues),
                }
                for each in failing
            ],
            "ok_rules": [each.rule.id for each in findings if not each.issues],
        }
    }


def _html(findings: list[Finding]) -> str:
    failing = [each for each in findings if each.issues]
    holding = [each for each in findings if not each.issues]
    kind = "warning" if failing else "success"
    said = f"{len(failing)} of {len(findings)} rules fail" if failing else f"All {len(findings)} rules hold"
    banner = f'<div class="banner banner-{kind}"><strong>{said}.</strong></div>'
    return banner + "".join(_category(name, members) for name, members in _grouped(failing)) + _holding(holding)


def _grouped(findings: Iterable[Finding]) -> list[tuple[str, list[Finding]]]:
    ordered = sorted(findings, key=lambda each: each.rule.category)
    return [(name, list(members)) for name, members in groupby(ordered, key=lambda each: each.rule.category)]


def _category(name: str, findings: list[Finding]) -> str:
    rules = "".join(
        f'<li class="lint-rule"><h3>{escape(each.rule.name)} <code>{escape(each.rule.id)}</code></h3>'
        f'<ul class="lint-issues">{"".join(f"<li>{escape(issue)}</li>" for issue in each.issues)}</ul>'
        f'<p class="muted">{escape(each.rule.description)}</p></li>'
        for each in findings
    )
    return f'<section class="card"><h2>{escape(name)}</h2><ul class="plain-list">{rules}</ul></section>'


def _holding(findings: list[Finding]) -> str:
    names = "".join(
        f'<li title="{escape(each.rule.description)}"><span class="badge badge-success">ok</span>'
        f" {escape(each.rule.name)}</li>"
        for each in findings
    )
    return (
        f'<section class="card"><h2>Looked for and not found</h2><ul class="plain-list columns">{names}</ul></section>'
    )
