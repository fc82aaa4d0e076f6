"""What a trace's times mean: clock skew taken out, and the critical path through what is left."""

from __future__ import annotations

from typing import Any

from spanwise_collector.query._clock_skew import correct
from spanwise_collector.query._critical_path import critical_path
from spanwise_collector.query._span_tree import Node, join
from spanwise_collector.query._values import Json

# Resource attributes that tell one clock from another, the most exact first.
_PROCESS = ("service.instance.id", "host.id", "host.name", "k8s.pod.uid", "k8s.pod.name", "container.id")


class Analysis:
    """Takes the spans of one trace as the API shows them, keeps the few fields it needs, and then tells `result`."""

    def __init__(self) -> None:
        self._nodes: list[Node] = []
        self._services: list[str] = []
        # By the identity of the attributes, which many spans share; they are kept, so that it stays theirs.
        self._processes: dict[tuple[str, int], tuple[list[Json], str]] = {}

    def add(self, span: Json) -> None:
        start_ns = int(span["start_unix_nano"])
        self._services.append(span["service"])
        self._nodes.append(
            Node(
                index=len(self._nodes),
                span_id=span["span_id"],
                parent_id=span["parent_span_id"],
                process=self._process(span),
                kind=span["kind"],
                start_ns=start_ns,
                end_ns=start_ns + span["duration_ns"],
                shared=any(one["key"] == "zipkin.shared" for one in span["attributes"]),
            )
        )

    def result(self) -> Json:
        """`{"root", "clock_skew", "critical_path", "critical_services"}` in the shapes of docs/collector-api.md."""
        tops = join(self._nodes)
        shifts = correct(tops)
        root = tops[0]
        segments = critical_path(root)
        by_service: dict[str, int] = {}
        for segment in segments:
            service = self._services[segment.index]
            by_service[service] = by_service.get(service, 0) + segment.end_ns - segment.start_ns
        return {
            "root": root.index,
            "clock_skew": [{"span": shift.index, "shift_ns": shift.shift_ns} for shift in shifts],
            "critical_path": [
                {
                    "span": segment.index,
                    "start_unix_nano": str(segment.start_ns),
                    "duration_ns": segment.end_ns - segment.start_ns,
                }
                for segment in segments
            ],
            "critical_services": [
                {"name": name, "duration_ns": duration_ns}
                for name, duration_ns in sorted(by_service.items(), key=lambda item: (-item[1], item[0]))
            ],
        }

    def _process(self, span: Json) -> str:
        """The service, and where it ran as exactly as the resource says."""
        attributes = span["resource"]["attributes"]
        key = (span["service"], id(attributes))
        known = self._processes.get(key)
        if known is None:
            values: dict[str, Any] = {one["key"]: one["value"] for one in attributes}
            place = next((f"{key}={values[key]}" for key in _PROCESS if values.get(key)), "")
            known = self._processes[key] = (attributes, f"{span['service']} {place}")
        return known[1]
