"""Which build of what runs here, in twitter-server's shape."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING, Any

from spanwise.admin.messages import Request, Tier
from spanwise.admin.routes import route
from spanwise.standard import UNKNOWN

if TYPE_CHECKING:
    from spanwise.admin.process import Process

_DAYS = ("Mon", "Tue", "Wed", "Thu", "Fri", "Sat", "Sun")
_MONTHS = ("Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec")
# twitter-server's build properties, and the resource attribute that says the same where the property is not given.
_BUILD_PROPERTIES = {
    "build": "cicd.pipeline.run.id",
    "build_revision": "vcs.ref.head.revision",
    "build_branch_name": "vcs.ref.head.name",
    "build_last_few_commits": "",
    "merge_base": "vcs.ref.base.revision",
    "merge_base_commit_date": "",
    "scm_repository": "vcs.repository.url.full",
}
_SHOWN = frozenset({"service.name", "service.version", *_BUILD_PROPERTIES, *_BUILD_PROPERTIES.values()})
_MOST_COMMITS = 20


@route("/admin/server_info", title="Server info", group="Process Info", tier=Tier.OPEN)
def server_info(request: Request) -> dict[str, Any]:
    """Name, version, build, start time and uptime (in ms), then every other resource attribute.

    Build properties are resource attributes of the same name, such as `OTEL_RESOURCE_ATTRIBUTES=build=20130221-105425`.
    """
    process = request.process
    version = process.attribute("service.version")
    build = {name: _build_property(process, name) for name in _BUILD_PROPERTIES}
    extra = {name: value for name, value in sorted(process.identity_attributes.items()) if name not in _SHOWN}
    return {
        "name": process.attribute("service.name"),
        "version": "0.0" if version == UNKNOWN else version,
        **build,
        "build_last_few_commits": _commits(build),
        "start_time": start_time(process.started_at),
        "uptime": max(0, int((time.time() - process.started_at) * 1000)),
        **extra,
    }


def _build_property(process: Process, name: str) -> str:
    given = process.identity_attributes.get(name)
    return given or process.attribute(_BUILD_PROPERTIES[name])


def _commits(build: dict[str, str]) -> list[str]:
    """One a line where they are given, else the one that is known to be the head."""
    given = build["build_last_few_commits"]
    if given != UNKNOWN:
        return given.splitlines()[:_MOST_COMMITS]
    revision = build["build_revision"]
    return [UNKNOWN if revision == UNKNOWN else f"{revision[:7]} (HEAD)"]


def start_time(seconds: float) -> str:
    """`Thu Feb 21 13:43:32 PST 2013`, as Java writes a date: in English whatever the locale."""
    at = time.localtime(seconds)
    clock = f"{at.tm_hour:02}:{at.tm_min:02}:{at.tm_sec:02}"
    return f"{_DAYS[at.tm_wday]} {_MONTHS[at.tm_mon - 1]} {at.tm_mday:02} {clock} {at.tm_zone} {at.tm_year}"
