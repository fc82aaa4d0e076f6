"""Who is out there: the instances that register themselves, and the sampling policy they ask for."""

from spanwise_collector.registry._instances import STATES, InstanceError, Registry
from spanwise_collector.registry._policy import SamplingPolicyError
from spanwise_collector.registry._prometheus import http_sd
from spanwise_collector.registry._registration import MAX_BODY_BYTES, Registration, RegistrationError, parse
from spanwise_collector.registry._sampling import MAX_POLICY_BYTES, SamplingPolicies
from spanwise_collector.registry._snapshots import MAX_SNAPSHOT_BYTES, SNAPSHOT_PATH, Snapshots

__all__ = [
    "MAX_BODY_BYTES",
    "MAX_POLICY_BYTES",
    "MAX_SNAPSHOT_BYTES",
    "SNAPSHOT_PATH",
    "STATES",
    "InstanceError",
    "Registration",
    "RegistrationError",
    "Registry",
    "SamplingPolicies",
    "SamplingPolicyError",
    "Snapshots",
    "http_sd",
    "parse",
]
