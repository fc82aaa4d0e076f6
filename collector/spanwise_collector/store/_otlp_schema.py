"""The part of OTLP's protobuf schema that the engine reads and writes."""

from __future__ import annotations

from functools import cache
from pathlib import Path


@cache
def otlp_schema() -> str:
    """The text of `otlp.proto`."""
    return (Path(__file__).parent / "otlp.proto").read_text(encoding="utf-8")
