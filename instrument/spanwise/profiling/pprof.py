"""A profile as gzipped profile.proto, the format of `go tool pprof` and everything that reads its files.

Written by hand: the message has fourteen fields, and a service should not need protobuf for them. Source:
https://github.com/google/pprof/blob/main/proto/profile.proto.

    Profile   1 sample_type 2 sample 3 mapping 4 location 5 function 6 string_table 9 time_nanos 10 duration_nanos
              11 period_type 12 period 13 comment 14 default_sample_type
    ValueType 1 type 2 unit                      Sample   1 location_id (packed) 2 value (packed) 3 label
    Label     1 key 2 str                        Mapping  1 id 5 filename 7 has_functions 8 has_filenames 9 has_lines
    Location  1 id 2 mapping_id 4 line           Line     1 function_id 2 line
    Function  1 id 2 name 3 system_name 4 filename
"""

from __future__ import annotations

import gzip
import sys
from collections.abc import Iterable

from spanwise.profiling.profile import CPU, WALL, Profile, ValueType
from spanwise.profiling.stacks import Frame

_MASK_64 = (1 << 64) - 1
_MAPPING_ID = 1


def encode(profile: Profile) -> bytes:
    """The profile as a gzipped `perftools.profiles.Profile` message."""
    return gzip.compress(_Message(profile).encoded(), compresslevel=6, mtime=0)


class _Message:
    def __init__(self, profile: Profile) -> None:
        self._profile = profile
        self._strings: dict[str, int] = {"": 0}
        self._functions: dict[tuple[str, str], int] = {}
        self._locations: dict[Frame, int] = {}
        self._tables = bytearray()

    def encoded(self) -> bytes:
        profile = self._profile
        out = bytearray()
        for value_type in profile.value_types:
            out += _nested(1, self._value_type(value_type))
        for (stack, labels), values in profile.samples.items():
            sample = _packed(1, [self._location(frame) for frame in stack]) + _packed(2, values)
            for key, value in labels:
                sample += _nested(3, _number(1, self._string(key)) + _number(2, self._string(value)))
            out += _nested(2, sample)
        out += _nested(3, self._mapping())
        out += self._tables
        tail = _number(9, profile.started_at_ns) + _number(10, profile.duration_ns)
        if profile.period_ns:
            tail += _nested(11, self._value_type(CPU if CPU in profile.value_types else WALL))
            tail += _number(12, profile.period_ns)
        tail += _packed(13, [self._string(comment) for comment in profile.comments])
        tail += _number(14, self._string(profile.default))
        for text in self._strings:  # in the order in which they were numbered
            out += _nested(6, text.encode("utf-8", "replace"))
        return bytes(out + tail)

    def _value_type(self, value_type: ValueType) -> bytes:
        return _number(1, self._string(value_type.type)) + _number(2, self._string(value_type.unit))

    def _mapping(self) -> bytes:
        """One for all, which says that names and lines are there, so that no tool looks for symbols."""
        program = self._string(sys.argv[0] if sys.argv else "python")
        return _number(1, _MAPPING_ID) + _number(5, program) + _number(7, 1) + _number(8, 1) + _number(9, 1)

    def _location(self, frame: Frame) -> int:
        known = self._locations.get(frame)
        if known is not None:
            return known
        number = self._locations[frame] = len(self._locations) + 1
        line = _number(1, self._function(frame)) + _number(2, frame.line)
        self._tables += _nested(4, _number(1, number) + _number(2, _MAPPING_ID) + _nested(4, line))
        return number

    def _function(self, frame: Frame) -> int:
        key = frame.function, frame.file
        known = self._functions.get(key)
        if known is not None:
            return known
        number = self._functions[key] = len(self._functions) + 1
        name = self._string(frame.function)
        record = _number(1, number) + _number(2, name) + _number(3, name) + _number(4, self._string(frame.file))
        self._tables += _nested(5, record)
        return number

    def _string(self, text: str) -> int:
        return self._strings.setdefault(text, len(self._strings))


def _varint(value: int) -> bytes:
    """Base 128, least significant group first; negative numbers as 64-bit two's complement."""
    value &= _MASK_64
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    return bytes(out)


def _number(field: int, value: int) -> bytes:
    return _varint(field << 3) + _varint(value) if value else b""


def _nested(field: int, body: bytes) -> bytes:
    return _varint(field << 3 | 2) + _varint(len(body)) + body


def _packed(field: int, values: Iterable[int]) -> bytes:
    body = b"".join(map(_varint, values))
    return _nested(field, body) if body else b""
