"""Toggles: a share of requests, users or whatever has a key takes the new way, and the share can be changed live.

    new_checkout = spanwise.toggle("checkout.new_flow", fraction=0.1, description="The flow without accounts")
    if new_checkout(user_id): ...

The same key gets the same answer in every process and at every time, as long as the fraction stays; a larger fraction
only adds keys. (The model is twitter-util's Toggle.)
"""

from __future__ import annotations

import re
import threading
from zlib import crc32

_ID = re.compile(r"[A-Za-z][A-Za-z0-9_-]*(\.[A-Za-z0-9_-]+)+")
_WHOLE = 1 << 32


class Toggle:
    """`fraction` is the share in force, from 0 to 1; `declared` the one the service asked for."""

    __slots__ = ("_threshold", "declared", "description", "fraction", "id", "last")

    def __init__(self, id: str, declared: float, description: str) -> None:
        self.id = id
        self.declared = declared
        self.description = description
        self.last: bool | None = None  # the latest answer, None before the first
        self.set_fraction(declared)

    @property
    def library(self) -> str:
        """`"checkout.new_flow"` -> `"checkout"`."""
        return self.id.rpartition(".")[0]

    def set_fraction(self, fraction: float) -> None:
        self.fraction = fraction
        self._threshold = round(fraction * _WHOLE)

    def __call__(self, key: object = "") -> bool:
        """Whether `key` takes the new way; without a key it is all or nothing, for a fraction of at least a half."""
        if key == "":
            self.last = self.fraction >= 0.5
        else:
            self.last = crc32(f"{self.id}:{key}".encode("utf-8", "replace")) < self._threshold
        return self.last


_lock = threading.Lock()
_toggles: dict[str, Toggle] = {}


def toggle(id: str, *, fraction: float, description: str) -> Toggle:
    """Declares a toggle, or returns the one declared before. Raises ValueError for a name or share that cannot be."""
    if not _ID.fullmatch(id):
        raise ValueError(f"toggle {id!r}: a name is a library and a toggle of it, such as checkout.new_flow.")
    if not 0 <= fraction <= 1:
        raise ValueError(f"toggle {id!r}: fraction={fraction!r} is not a share from 0 to 1.")
    with _lock:
        if id not in _toggles:
            _toggles[id] = Toggle(id, fraction, description)
        return _toggles[id]


def toggles() -> list[Toggle]:
    """Every declared toggle, by name."""
    with _lock:
        return [_toggles[id] for id in sorted(_toggles)]
