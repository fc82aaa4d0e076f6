"""The way in: every protocol ends here as the bytes of one OTLP request, checked, in the spool, acknowledged."""

from spanwise_collector.intake._accept import Accepted, Intake, MalformedError
from spanwise_collector.intake._in_flight import InFlight, OverloadedError
from spanwise_collector.intake._other_signals import PATHS as OTHER_SIGNALS_PATHS
from spanwise_collector.intake._other_signals import OtherSignals
from spanwise_collector.intake._otlp_grpc import GrpcPortError, OtlpGrpc
from spanwise_collector.intake._otlp_http import PATH as TRACES_PATH
from spanwise_collector.intake._otlp_http import OtlpHttp
from spanwise_collector.intake._otlp_json import to_otlp
from spanwise_collector.intake._rate_limit import RateLimit
from spanwise_collector.intake._receive import Receiver
from spanwise_collector.intake._rules import SpanRules

__all__ = [
    "OTHER_SIGNALS_PATHS",
    "TRACES_PATH",
    "Accepted",
    "GrpcPortError",
    "InFlight",
    "Intake",
    "MalformedError",
    "OtherSignals",
    "OtlpGrpc",
    "OtlpHttp",
    "OverloadedError",
    "RateLimit",
    "Receiver",
    "SpanRules",
    "to_otlp",
]
