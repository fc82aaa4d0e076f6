"""A worker's own admin pages, asked for by a sibling that has judged who asks."""

from __future__ import annotations

from dataclasses import replace

from spanwise.admin.application import Application
from spanwise.admin.guard import Guard
from spanwise.admin.messages import Request
from spanwise.admin.process import Process
from spanwise.workers.channel import Answered, Asked


class _SiblingsGuard(Guard):
    """Believes the judgement that comes with the request, and holds it to the same tiers."""

    def judge(self, request: Request) -> Request:
        return request


def answer(process: Process, asked: Asked) -> Answered:
    """A stream is read to its end: a sibling gets one answer."""
    guard = _SiblingsGuard.from_settings(process.settings)
    request = Request(
        method=asked.method,
        path=asked.path,
        query=asked.query,
        headers=asked.headers,
        peer="",
        body=asked.body,
        process=replace(process, guard=guard),
        trusted_by=asked.trusted_by,
    )
    response = Application(process, guard).answer(request)
    body = response.body if isinstance(response.body, bytes) else b"".join(response.body)
    return Answered(response.status, response.headers, response.content_type, body)
