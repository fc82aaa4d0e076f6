"""One answer from those of all workers, for pages where that makes sense (`?worker=all`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from html import escape
from typing import Any

from spanwise.admin.messages import Answer, Page, Request

# The JSON answers by process id.
Answers = Mapping[int, Any]


def _at_once(_request: Request) -> float:
    return 0.0


@dataclass(frozen=True, slots=True)
class Merge:
    """`join` makes one answer; `query` is what workers are asked in other words than this process was; `lasts_s` is
    how long each may work on its answer beyond what any page may take. `join` may raise Invalid."""

    join: Callable[[Request, Answers], Answer]
    query: tuple[tuple[str, str], ...] = ()
    lasts_s: Callable[[Request], float] = _at_once


def lists(
    title: str,
    key: str,
    order: Callable[[dict[str, Any]], Any],
    text_of: Callable[[list[dict[str, Any]]], str],
    html_of: Callable[[list[dict[str, Any]]], str],
) -> Merge:
    """Of answers `{key: [...]}`: one list, each entry with its `worker`, in a common order."""

    def join(_request: Request, answers: Answers) -> Page:
        entries = [{"worker": pid, **entry} for pid, data in answers.items() for entry in data[key]]
        entries.sort(key=order)
        return Page(title, text_of(entries), html_of(entries), {key: entries}, stylesheets=("inspect.css",))

    return Merge(join)


def sections(title: str, answers: Answers, text_of: Callable[[Any], str], html_of: Callable[[Any], str]) -> Page:
    """A part for each worker, under its process id."""
    text = "".join(f"worker {pid}\n{text_of(data)}\n" for pid, data in answers.items())
    html = "".join(f"<h2>Worker {pid}</h2>{html_of(data)}" for pid, data in answers.items())
    return Page(title, text, html, {"workers": {str(pid): data for pid, data in answers.items()}})


def no_answer(failed: Mapping[int, str]) -> str:
    """`worker 12: 409 Not now: another profile is being taken`, as a banner."""
    lines = "".join(f"<li>worker {pid}: {escape(why)}</li>" for pid, why in failed.items())
    return f'<div class="banner banner-danger"><ul class="plain-list">{lines}</ul></div>' if lines else ""
