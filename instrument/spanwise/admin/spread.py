"""One request for several workers: `?worker=PID` asks that one, `?worker=all` every one, and what is changed for a
while is changed in all of them unless one is named."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Mapping
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from spanwise.admin.merge import Merge, no_answer
from spanwise.admin.messages import Invalid, Page, Request, Response
from spanwise.admin.rendering import json_response, problem, respond
from spanwise.admin.routes import Route

if TYPE_CHECKING:
    from spanwise.workers import Answered, Presence

_PARAMETER = "worker"
_TIMEOUT_S = 5.0
_MAX_WHY = 200


def spread(route: Route, request: Request, presence: Presence | None) -> Response | None:
    """The answer of other workers, None where this one answers alone. Raises Invalid for a worker there is not."""
    asked_for = request.query.get(_PARAMETER, [None])[-1]
    if presence is None or request.peer == "" or (asked_for is None and not route.every_worker):
        return None  # a sibling's request has no peer: it is meant for this worker
    if not request.trusted:
        raise Invalid("Only who may see sensitive pages may choose a worker.")
    pids = [each.pid for each in presence.siblings()]
    if asked_for == "all" and route.merge is not None and pids:
        return _merged(route, route.merge, request, presence, pids)
    if asked_for in (None, "all"):
        return _all(request, presence, pids) if len(pids) > 1 or asked_for else None
    if not asked_for.isdecimal() or int(asked_for[:10]) not in pids:
        raise Invalid(f"There is no such worker; there are {', '.join(map(str, pids)) or 'none'}, and all.")
    answered = _ask(request, presence, int(asked_for), _TIMEOUT_S)
    return Response(answered.status, answered.headers, answered.body, answered.content_type)


def json_of_each(request: Request, presence: Presence, pids: list[int]) -> tuple[dict[int, Any], dict[int, str]]:
    """What each worker answers to the same request as JSON, and why those that have not answered have not."""
    asked = replace(request, headers={**request.headers, "accept": "application/json"})
    return _sorted_out(_ask_all(asked, presence, pids, _TIMEOUT_S))


def _all(request: Request, presence: Presence, pids: list[int]) -> Response:
    answers = _ask_all(request, presence, pids, _TIMEOUT_S)
    if _PARAMETER not in request.query:
        # One that could not do it speaks for all, so that nobody believes a change that is only half made.
        told = max(answers.values(), key=lambda each: each.status)
        return Response(told.status, told.headers, told.body, told.content_type)
    found = {str(pid): {"status": each.status, "answer": _readable(each)} for pid, each in answers.items()}
    return json_response({"workers": found})


def _merged(route: Route, merge: Merge, request: Request, presence: Presence, pids: list[int]) -> Response:
    """One answer from all; workers that gave none are named in it. Where none did, the first one's refusal."""
    asked = replace(
        request,
        query={**request.query, **{name: [value] for name, value in merge.query}},
        headers={**request.headers, "accept": "application/json"},
    )
    told = _ask_all(asked, presence, pids, _TIMEOUT_S + merge.lasts_s(request))
    good, failed = _sorted_out(told)
    if not good:
        first = told[pids[0]]
        page = problem(first.status, "No worker has answered", str(_readable(first)).strip())
        return respond(page, request, page.title)
    answer = merge.join(request, good)
    return respond(_with_failed(answer, failed) if isinstance(answer, Page) else answer, request, route.title)


def _sorted_out(told: Mapping[int, Answered]) -> tuple[dict[int, Any], dict[int, str]]:
    good = {pid: _readable(each) for pid, each in told.items() if each.status < 400}
    failed = {
        pid: f"{each.status} {str(_readable(each)).strip()[:_MAX_WHY]}"
        for pid, each in told.items()
        if each.status >= 400
    }
    return good, failed


def _with_failed(page: Page, failed: Mapping[int, str]) -> Page:
    if not failed:
        return page
    text = "".join(f"worker {pid} has not answered: {why}\n" for pid, why in failed.items())
    data = {**page.data, "failed_workers": {str(pid): why for pid, why in failed.items()}}
    return replace(page, text=text + page.text, html=no_answer(failed) + page.html if page.html else "", data=data)


def _ask_all(request: Request, presence: Presence, pids: list[int], timeout_s: float) -> dict[int, Answered]:
    """Side by side, so that a profile of all is one of the same seconds."""
    answers: dict[int, Answered] = {}

    def ask(pid: int) -> None:
        answers[pid] = _ask(request, presence, pid, timeout_s)

    threads = [threading.Thread(target=ask, args=(pid,), name="spanwise-admin-ask", daemon=True) for pid in pids]
    for thread in threads:
        thread.start()
    until = time.monotonic() + timeout_s + 1.0
    for thread in threads:
        thread.join(max(0.0, until - time.monotonic()))
    return {pid: answers.get(pid) or _silent(pid, "not in time") for pid in pids}


def _ask(request: Request, presence: Presence, pid: int, timeout_s: float) -> Answered:
    from spanwise.workers import Asked

    query = {name: values for name, values in request.query.items() if name != _PARAMETER}
    asked = Asked(request.method, request.path, query, request.headers, request.body, request.trusted_by)
    try:
        return presence.ask(pid, asked, timeout_s)
    except (OSError, LookupError) as error:
        return _silent(pid, type(error).__name__)


def _silent(pid: int, why: str) -> Answered:
    from spanwise.workers import Answered

    return Answered(502, (), "text/plain;charset=UTF-8", f"worker {pid} did not answer: {why}\n".encode())


def _readable(answered: Answered) -> Any:
    text = answered.body.decode("utf-8", "replace")
    if "json" not in answered.content_type:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
