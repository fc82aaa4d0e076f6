"""The registry of instances, Prometheus' discovery of them, and the sampling policy they ask for."""

from __future__ import annotations

from flask import Blueprint, Response, jsonify, request
from flask.typing import ResponseReturnValue

from spanwise.exposition import OPENMETRICS_CONTENT_TYPE
from spanwise_collector.api import _shapes
from spanwise_collector.api._endpoint import declared
from spanwise_collector.api._parameters import choice, text
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

_OPENMETRICS = OPENMETRICS_CONTENT_TYPE.partition(";")[0]
_SERVICE = text("service", "Whose policy; required to set one.")
_ANOTHER_S = {403: "Another token set this; only that one may change it, or the host, origin or token is not allowed."}
_CHANGED = _ANOTHER_S | {412: "It is not the policy that `If-Match` names."}


@blueprint.put("/api/spanwise/instances/<instance_id>")
@declared(answer=None, body=_shapes.Registration, others=_ANOTHER_S)
def heartbeat(instance_id: str) -> ResponseReturnValue:
    """A heartbeat: an instance says that it is alive, and where."""
    # One byte more than allowed is read, so that a body that is too long is seen as such.
    registration = parse(request.stream.read(MAX_BODY_BYTES + 1))
    services().registry.put(instance_id, registration, _owner())
    return "", 204


@blueprint.delete("/api/spanwise/instances/<instance_id>")
@declared(answer=None, others=_ANOTHER_S)
def goodbye(instance_id: str) -> ResponseReturnValue:
    """An instance says goodbye; also one that is not there."""
    services().registry.delete(instance_id, _owner())
    return "", 204


@blueprint.get("/api/spanwise/instances")
@declared(answer=_shapes.Instances, parameters=[choice("state", "Which of them.", STATES)])
def instances() -> ResponseReturnValue:
    """The instances that are alive, or were within an hour."""
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
@declared(answer=None, body=_OPENMETRICS, parameters=[text("instance", "Whose; required.")], others=_ANOTHER_S)
def leave_snapshot() -> ResponseReturnValue:
    """A job that ends leaves its last metrics, as OpenMetrics text."""
    body = request.stream.read(MAX_SNAPSHOT_BYTES + 1)
    services().snapshots.put(request.args.get("instance", ""), body, _owner())
    return "", 204


@blueprint.get(f"{SNAPSHOT_PATH}/<key>")
@declared(answer=_OPENMETRICS, others={404: "There is none, or it was kept for its hour."})
def snapshot(key: str) -> ResponseReturnValue:
    """The last metrics of a job, as they came."""
    text = services().snapshots.text(key)
    if text is None:
        return jsonify(error="there is no such snapshot, or it was kept for its hour"), 404
    return Response(text, content_type=OPENMETRICS_CONTENT_TYPE)


@blueprint.get("/api/spanwise/sampling")
@declared(answer=_shapes.SamplingPolicy, parameters=[_SERVICE], others={304: "It is what `If-None-Match` says."})
def sampling() -> ResponseReturnValue:
    """A service's sampling policy, or the default."""
    policies = services().sampling
    policy = policies.policy(request.args.get("service", ""))
    response = jsonify(policy)
    response.set_etag(policies.etag(policy))
    return response.make_conditional(request.environ)


@blueprint.put("/api/spanwise/sampling")
@declared(answer=_shapes.SamplingPolicy, body=_shapes.GivenSamplingPolicy, parameters=[_SERVICE], others=_CHANGED)
def set_sampling() -> ResponseReturnValue:
    """Set a service's sampling policy, until it is taken back."""
    body = request.stream.read(MAX_POLICY_BYTES + 1)
    policy = services().sampling.set(request.args.get("service", ""), body, _owner(), _if_match())
    response = jsonify(policy)
    response.set_etag(services().sampling.etag(policy))
    return response


@blueprint.delete("/api/spanwise/sampling")
@declared(answer=None, parameters=[_SERVICE], others=_CHANGED)
def unset_sampling() -> ResponseReturnValue:
    """Take back what was set."""
    services().sampling.unset(request.args.get("service", ""), _owner(), _if_match())
    return "", 204


@blueprint.get("/api/spanwise/sampling/policies")
@declared(answer=_shapes.SamplingPolicies)
def sampling_policies() -> ResponseReturnValue:
    """All sampling policies, and who set them."""
    return jsonify(services().sampling.all())


def _if_match() -> str | None:
    given = request.headers.get("If-Match")
    return None if given is None else given.strip().strip('"')


def _owner() -> str:
    return digest(request.environ.get(TOKEN_KEY, ""))
