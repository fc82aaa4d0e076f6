"""Who is out there: the instances that register themselves, and the sampling policy they ask for."""

from spanwise_collector.registry._instances import InstanceError, Registry
from spanwise_collector.registry._prometheus import http_sd
from spanwise_collector.registry._registration import MAX_BODY_BYTES, Registration, RegistrationError, parse
from spanwise_collector.registry._sampling import SamplingPolicies, SamplingPolicyError
from spanwise_collector.registry._snapshots import MAX_SNAPSHOT_BYTES, SNAPSHOT_PATH, Snapshots

__all__ = [
    "MAX_BODY_BYTES",
    "MAX_SNAPSHOT_BYTES",
    "SNAPSHOT_PATH",
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
