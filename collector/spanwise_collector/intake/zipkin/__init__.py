"""Zipkin's ways in: v2 as JSON and protobuf, v1 as JSON; each is read into `ZipkinSpan`s, which become OTLP."""

from spanwise_collector.intake.zipkin._http import V1_PATH, V2_PATH, Zipkin

__all__ = ["V1_PATH", "V2_PATH", "Zipkin"]
