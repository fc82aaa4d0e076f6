"""What Zipkin's server has beside its API: what its pages ask first, and the addresses of its pages."""

from __future__ import annotations

from flask import Blueprint, jsonify, redirect
from flask.typing import ResponseReturnValue

from spanwise import __version__
from spanwise_collector.zipkin._request import DEFAULT_LIMIT

blueprint = Blueprint("zipkin_server", __name__)

# What Zipkin's own server has where nothing is configured.
_PAGES_LOOKBACK_MS = 900_000


@blueprint.get("/config.json")
def configuration() -> ResponseReturnValue:
    return jsonify(
        environment="",
        queryLimit=DEFAULT_LIMIT,
        defaultLookback=_PAGES_LOOKBACK_MS,
        searchEnabled=True,
        logsUrl=None,
        supportUrl=None,
        archivePostUrl=None,
        archiveUrl=None,
        dependency={"enabled": True, "lowErrorRate": 0.5, "highErrorRate": 0.75},
    )


@blueprint.get("/info")
def info() -> ResponseReturnValue:
    return jsonify(zipkin={"version": f"spanwise {__version__}"})


@blueprint.get("/zipkin/")
def pages() -> ResponseReturnValue:
    return redirect("/")


# Links to Zipkin's pages lie in logs and tickets for years.
@blueprint.get("/zipkin/traces/<trace_id>")
def page_of_a_trace(trace_id: str) -> ResponseReturnValue:
    return redirect(f"/trace/{trace_id}")
