"""Values as the queries of this room return them."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Shown:
    """`type` is that of an attribute, or status, kind, duration (nanoseconds), or empty where there is no value."""

    name: str
    type: str
    raw: bytes
