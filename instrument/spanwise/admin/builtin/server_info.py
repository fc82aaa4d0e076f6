"""Which build of what runs here, in twitter-server's shape."""

from __future__ import annotations

import time
from typing import Any

from spanwise.admin.messages import Request, Tier
from spanwise.admin.routes import route
from spanwise.standard import UNKNOWN

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# Attributes that the fixed keys already show.
_SHOWN = frozenset(
    {"service.name", "service.version", "vcs.ref.head.revision", "vcs.ref.head.name", "vcs.repository.url.full"}
)


@route("/admin/server_info", title="Server info", group="Process Info", tier=Tier.OPEN)
def server_info(request: Request) -> dict[str, Any]:
    """Name, version, revision, start time and uptime (in ms), then every other resource attribute."""
    process = request.process
    attributes = process.identity_attributes
    version = process.attribute("service.version")
    extra = {name: value for name, value in sorted(attributes.items()) if name not in _SHOWN}
    return {
        "name": process.attribute("service.name"),
        "version": "0.0" if version == UNKNOWN else version,
        "build": UNKNOWN,
        "build_revision": process.attribute("vcs.ref.head.revision"),
        "build_branch_name": process.attribute("vcs.ref.head.name"),
        "build_last_few_commits": [UNKNOWN],
        "merge_base": UNKNOWN,
        "merge_base_commit_date": UNKNOWN,
        "scm_repository": process.attribute("vcs.repository.url.full"),
        "start_time": start_time(process.started_at),
        "uptime": max(0, int((time.time() - process.started_at) * 1000)),
        **extra,
    }


def start_time(seconds: float) -> str:
    """`Thu Feb 21 13:43:32 PST 2013`, as Java writes a date: in English whatever the locale."""
    at = time.localtime(seconds)
    clock = f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}"
    return f"{_DAYS[at.tm_wday]} {_MONTHS[at.tm_mon - 1]} {at.tm_mday:02} {clock} {at.tm_zone} {at.tm_year}"
