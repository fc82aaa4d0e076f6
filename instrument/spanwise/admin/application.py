"""From a request to a response: find the route, ask the guard, call the handler. It knows nothing of sockets, so that
the same application can be served on its own port or inside somebody else's server."""

from __future__ import annotations

import logging
import traceback
from dataclasses import replace

from spanwise.admin.guard import Guard
from spanwise.admin.login import login_page
from spanwise.admin.messages import Invalid, Page, Request, Response, Tier
from spanwise.admin.process import Process
from spanwise.admin.rendering import problem, respond
from spanwise.admin.routes import Route
from spanwise.admin.spread import spread

# Sent with every response, unless it says otherwise itself.
STANDARD_HEADERS = (
    ("Content-Language", "en"),
    ("Cache-Control", "no-store"),
    ("X-Content-Type-Options", "nosniff"),
    (
        "Content-Security-Policy",
        "default-src 'self'; base-uri 'none'; form-action 'self'; frame-ancestors 'none'",
    ),
)
_MAX_SHOWN_PATH = 120

_log = logging.getLogger("spanwise")


class Application:
    """The admin pages of one process."""

    def __init__(self, process: Process, guard: Guard) -> None:
        self.process = replace(process, guard=guard)
        self.guard = guard

    def is_probe(self, path: str) -> bool:
        """Whether the path is answered at once and has a thread of its own."""
        return any(route.probe for route in self.process.routes.at(path).values())

    def answer(self, request: Request) -> Response:
        """The response with all its headers; whatever a handler raises is a 500 and one log line."""
        request = self.guard.judge(request)
        try:
            response = self._answer(request)
        except BaseException as error:
            _say(request, error)
            page = problem(
                500,
                "That did not work",
                f"{_shown(request)} failed: {type(error).__name__}. The log of the service says more.",
            )
            response = respond(page, request, page.title)
        return with_standard_headers(response)

    def refuse(self, request: Request, status: int, why: str) -> Response:
        """The response for a request that could not even be read."""
        page = problem(status, "That cannot be answered", why)
        return with_standard_headers(respond(page, request, page.title))

    def _answer(self, request: Request) -> Response:
        by_method = self.process.routes.at(request.path)
        if not by_method:
            return self._not_found(request)
        route = by_method.get(request.method)
        if route is None:
            return Response(405, (("Allow", ", ".join(sorted(by_method))),))
        refusal = self.guard.refusal(route.tier, request, entrance=route.entrance)
        if refusal is not None:
            if route.tier is Tier.MUTATING:
                self.process.audit.refused(route, request, refusal.status)
            return self._refused(refusal, request)
        if route.tier is Tier.MUTATING:
            return self._change(route, request)
        return self._handle(route, request)

    def _change(self, route: Route, request: Request) -> Response:
        """A handler that changes something, with its line in the audit whatever becomes of it."""
        status = 500
        try:
            response = self._handle(route, request)
            status = response.status
            return response
        finally:
            self.process.audit.done(route, request, status)

    def _handle(self, route: Route, request: Request) -> Response:
        try:
            answered = spread(route, request, self.process.workers())
            return answered or respond(route.handler(request), request, route.title)
        except Invalid as invalid:
            return self._page(problem(invalid.status, invalid.title, str(invalid)), request)

    def _refused(self, refusal: Page, request: Request) -> Response:
        page = problem(refusal.status, refusal.title, refusal.text.strip(), refusal.headers)
        if refusal.status == 401 and request.wants_html:
            page = login_page(request, refusal.text.strip(), status=401, headers=refusal.headers)
        return self._page(page, request)

    def _not_found(self, request: Request) -> Response:
        from difflib import get_close_matches

        close = get_close_matches(request.path[:200], [route.path for route in self.process.visible_routes()], n=1)
        hint = f"did you mean {close[0]}?" if close else "/admin.json lists what there is."
        return self._page(problem(404, "Nothing here", f"There is no {_shown(request)}: {hint}"), request)

    @staticmethod
    def _page(page: Page, request: Request) -> Response:
        return respond(page, request, page.title)


def with_standard_headers(response: Response) -> Response:
    given = {name.lower() for name, _ in response.headers}
    added = tuple(header for header in STANDARD_HEADERS if header[0].lower() not in given)
    return replace(response, headers=(*response.headers, *added))


def _shown(request: Request) -> str:
    """The path as far as it is fit to be shown: printable and not too long; never the query."""
    printable = "".join(character if character.isprintable() else "?" for character in request.path)
    return printable if len(printable) <= _MAX_SHOWN_PATH else f"{printable[:_MAX_SHOWN_PATH]}..."


def _say(request: Request, error: BaseException) -> None:
    frames = traceback.extract_tb(error.__traceback__)
    where = f" ({frames[-1].filename}:{frames[-1].lineno})" if frames else ""
    _log.error("admin: %s %s failed: %s: %s%s", request.method, _shown(request), type(error).__name__, error, where)
