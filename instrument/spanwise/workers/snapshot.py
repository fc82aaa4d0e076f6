"""A worker's metrics as bytes: what it answers its siblings, and what it leaves behind in the run folder.

One JSON document in UTF-8, because decoding it runs no code and every Python reads every other's (NaN and Infinity are
written as Python's json does):

    {"v": 1, "of": "PID-START", "at": UNIX_SECONDS, "folded": ["PID-START", ...], "families": [FAMILY, ...]}
    FAMILY   = [NAME, TYPE, HELP, UNIT, MERGE, [TABLE, ...]]
    TABLE    = [SAMPLE_NAME, [LABEL_NAME, ...], [ROW, ...], [EXEMPLAR, ...]]
    ROW      = [LABEL_VALUE, ..., VALUE]
    EXEMPLAR = [ROW_NUMBER, {LABEL: VALUE}, VALUE, UNIX_SECONDS or null]

Samples of one name and the same label names are one table, so that names are written once. `folded` is only in the
file `dead`: the members whose snapshots are in it already, so that a crash between two steps counts nobody twice. A
reader that finds another version treats the snapshot as missing.
"""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from spanwise.pace import Pace
from spanwise.standard import Workers

if TYPE_CHECKING:
    from prometheus_client.metrics_core import Metric as Family
    from prometheus_client.samples import Sample

VERSION = 1
# The service's identity, which the owner of the port states for all.
_TARGET = "target"

Row = list[Any]
# How the samples of a family are merged.
MergeOf = Callable[["Family"], Workers]


@dataclass(slots=True)
class Table:
    """Samples of one name and the same label names; `rows` are label values with the value last."""

    sample: str
    labels: tuple[str, ...]
    rows: list[Row] = field(default_factory=list)
    exemplars: list[Row] = field(default_factory=list)


@dataclass(slots=True)
class FamilySnapshot:
    name: str
    type: str
    help: str
    unit: str
    merge: Workers
    tables: list[Table]


@dataclass(slots=True)
class Snapshot:
    """`of` is the ProcessId as text, "" of the dead; `at` is in Unix seconds."""

    of: str
    at: float
    families: list[FamilySnapshot]
    folded: tuple[str, ...] = ()


class SnapshotError(ValueError):
    """Bytes that are no snapshot of this version."""


def take(families: Iterable[Family], merge_of: MergeOf, of: str, pace: Pace) -> Snapshot:
    """The metrics as they are now, except for the identity."""
    taken = [_of_family(family, merge_of(family), pace) for family in families if family.name != _TARGET]
    return Snapshot(of, time.time(), taken)


def encode(snapshot: Snapshot) -> bytes:
    """Family by family, because one long call of the encoder would hold up the service's threads."""
    families = ",".join(_encode_family(family) for family in snapshot.families)
    head = json.dumps({"v": VERSION, "of": snapshot.of, "at": snapshot.at, "folded": snapshot.folded})
    return f'{head[:-1]}, "families": [{families}]}}'.encode("utf-8", "replace")


def decode(content: bytes) -> Snapshot:
    """Raises SnapshotError."""
    try:
        read = json.loads(content)
        if read["v"] != VERSION:
            raise SnapshotError(f"version {read['v']!r} is not {VERSION}")
        families = [
            FamilySnapshot(name, kind, text, unit, Workers(merge), [_table(each) for each in tables])
            for name, kind, text, unit, merge, tables in read["families"]
        ]
        return Snapshot(str(read["of"]), float(read["at"]), families, tuple(read["folded"]))
    except SnapshotError:
        raise
    except (ValueError, KeyError, TypeError, RecursionError) as error:
        raise SnapshotError(f"{type(error).__name__}: {error}") from None


def _of_family(family: Family, merge: Workers, pace: Pace) -> FamilySnapshot:
    tables: dict[tuple[str, ...], Table] = {}
    for sample in family.samples:
        if sample.native_histogram is not None:
            continue
        labels = sample.labels
        key = (sample.name, *labels)
        table = tables.get(key)
        if table is None:
            table = tables[key] = Table(sample.name, tuple(labels))
        table.rows.append([*labels.values(), sample.value])
        if sample.exemplar is not None:
            table.exemplars.append(_exemplar(len(table.rows) - 1, sample))
        pace()
    return FamilySnapshot(family.name, family.type, family.documentation, family.unit, merge, list(tables.values()))


def _exemplar(row: int, sample: Sample) -> Row:
    exemplar = sample.exemplar
    assert exemplar is not None
    at = None if exemplar.timestamp is None else float(exemplar.timestamp)
    return [row, dict(exemplar.labels), exemplar.value, at]


def _encode_family(family: FamilySnapshot) -> str:
    tables = [(table.sample, table.labels, table.rows, table.exemplars) for table in family.tables]
    return json.dumps((family.name, family.type, family.help, family.unit, family.merge.value, tables))


def _table(read: Any) -> Table:
    sample, labels, rows, exemplars = read
    width = len(labels) + 1
    if any(len(row) != width for row in rows) or any(not 0 <= each[0] < len(rows) for each in exemplars):
        raise SnapshotError(f"a table of {sample!r} has rows of a wrong length")
    return Table(sample, tuple(labels), rows, exemplars)
