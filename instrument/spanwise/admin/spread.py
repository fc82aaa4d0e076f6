"""One request for several workers: `?worker=PID` asks that one, `?worker=all` every one, and what is changed for a
while is changed in all of them unless one is named."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from spanwise.admin.messages import Invalid, Request, Response
from spanwise.admin.rendering import json_response
from spanwise.admin.routes import Route

if TYPE_CHECKING:
    from spanwise.workers import Answered, Presence

_PARAMETER = "worker"
_TIMEOUT_S = 5.0


def spread(route: Route, request: Request, presence: Presence | None) -> Response | None:
    """The answer of other workers, None where this one answers alone. Raises Invalid for a worker there is not."""
    asked_for = request.query.get(_PARAMETER, [None])[-1]
    if presence is None or request.peer == "" or (asked_for is None and not route.every_worker):
        return None  # a sibling's request has no peer: it is meant for this worker
    if not request.trusted:
        raise Invalid("Only who may see sensitive pages may choose a worker.")
    pids = [each.pid for each in presence.siblings()]
    if asked_for in (None, "all"):
        return _all(route, request, presence, pids) if len(pids) > 1 or asked_for else None
    if not asked_for.isdigit() or int(asked_for) not in pids:
        raise Invalid(f"There is no such worker; there are {', '.join(map(str, pids)) or 'none'}, and all.")
    answered = _ask(request, presence, int(asked_for))
    return Response(answered.status, answered.headers, answered.body, answered.content_type)


def _all(route: Route, request: Request, presence: Presence, pids: list[int]) -> Response:
    answers = {pid: _ask(request, presence, pid) for pid in pids}
    if _PARAMETER not in request.query:
        # One that could not do it speaks for all, so that nobody believes a change that is only half made.
        told = max(answers.values(), key=lambda each: each.status)
        return Response(told.status, told.headers, told.body, told.content_type)
    found = {str(pid): {"status": each.status, "answer": _readable(each)} for pid, each in answers.items()}
    return json_response({"workers": found})


def _ask(request: Request, presence: Presence, pid: int) -> Answered:
    from spanwise.workers import Answered, Asked

    query = {name: values for name, values in request.query.items() if name != _PARAMETER}
    asked = Asked(request.method, request.path, query, request.headers, request.body, request.trusted_by)
    try:
        return presence.ask(pid, asked, _TIMEOUT_S)
    except (OSError, LookupError) as error:
        text = f"worker {pid} did not answer: {type(error).__name__}\n"
        return Answered(502, (), "text/plain;charset=UTF-8", text.encode())


def _readable(answered: Answered) -> Any:
    text = answered.body.decode("utf-8", "replace")
    if "json" not in answered.content_type:
        return text
    try:
        return json.loads(text)
    except ValueError:
        return text
