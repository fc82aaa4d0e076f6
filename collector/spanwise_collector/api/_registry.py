"""The registry of instances, Prometheus' discovery of them, and the sampling policy they ask for."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from spanwise.exposition import OPENMETRICS_CONTENT_TYPE
from spanwise_collector.api._services import services
from spanwise_collector.http import TOKEN_KEY, digest
from spanwise_collector.query import BadSearchError
from spanwise_collector.registry import (
    MAX_BODY_BYTES,
    MAX_POLICY_BYTES,
    MAX_SNAPSHOT_BYTES,
    SNAPSHOT_PATH,
    STATES,
    http_sd,
    parse,
)

blueprint = Blueprint("registry", __name__)


@blueprint.put("/api/spanwise/instances/<instance_id>")
def heartbeat(instance_id: str) -> ResponseReturnValue:
    # One byte more than allowed is read, so that a body that is too long is seen as such.
    registration = parse(request.stream.read(MAX_BODY_BYTES + 1))
    services().registry.put(instance_id, registration, _owner())
    return "", 204


@blueprint.delete("/api/spanwise/instances/<instance_id>")
def goodbye(instance_id: str) -> ResponseReturnValue:
    services().registry.delete(instance_id, _owner())
    return "", 204


@blueprint.get("/api/spanwise/instances")
def instances() -> ResponseReturnValue:
    state = request.args.get("state", STATES[0])
    if state not in STATES:
        raise BadSearchError(f"state={state[:100]!r} is not one of {', '.join(STATES)}")
    return jsonify(instances=[instance.as_json() for instance in services().registry.listed(state)])


@blueprint.get("/sd/prometheus")
def prometheus() -> ResponseReturnValue:
    # Not the collector itself: a Prometheus that asks here knows its address, and watches it also while it is down.
    targets = http_sd(services().registry.alive(own=False))
    return jsonify(targets + [snapshot.target(request.host) for snapshot in services().snapshots.current()])


@blueprint.post(SNAPSHOT_PATH)
def leave_snapshot() -> ResponseReturnValue:
    body = request.stream.read(MAX_SNAPSHOT_BYTES + 1)
    services().snapshots.put(request.args.get("instance", ""), body, _owner())
    return "", 204


@blueprint.get(f"{SNAPSHOT_PATH}/<key>")
def snapshot(key: str) -> ResponseReturnValue:
    text = services().snapshots.text(key)
    if text is None:
        return jsonify(error="there is no such snapshot, or it was kept for its hour"), 404
    return Response(text, content_type=OPENMETRICS_CONTENT_TYPE)


@blueprint.get("/api/spanwise/sampling")
def sampling() -> ResponseReturnValue:
    policies = services().sampling
    policy = policies.policy(request.args.get("service", ""))
    response = jsonify(policy)
    response.set_etag(policies.etag(policy))
    return response.make_conditional(request.environ)


@blueprint.put("/api/spanwise/sampling")
def set_sampling() -> ResponseReturnValue:
    body = request.stream.read(MAX_POLICY_BYTES + 1)
    policy = services().sampling.set(request.args.get("service", ""), body, _owner(), _if_match())
    response = jsonify(policy)
    response.set_etag(services().sampling.etag(policy))
    return response


@blueprint.delete("/api/spanwise/sampling")
def unset_sampling() -> ResponseReturnValue:
    services().sampling.unset(request.args.get("service", ""), _owner(), _if_match())
    return "", 204


@blueprint.get("/api/spanwise/sampling/policies")
def sampling_policies() -> ResponseReturnValue:
    return jsonify(services().sampling.all())


def _if_match() -> str | None:
    given = request.headers.get("If-Match")
    return None if given is None else given.strip().strip('"')


def _owner() -> str:
    return digest(request.environ.get(TOKEN_KEY, ""))
