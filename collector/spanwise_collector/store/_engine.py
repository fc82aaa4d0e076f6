"""The embedded engine: how it is imported, and how it is told to live on a small machine.

`clickhouse-connect` and `chdb-core` import numpy, pandas and pyarrow when they find them, and work without. Together
they are 290 MB on disk and tens of MB of memory that the collector has no use for, so they are hidden meanwhile.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from types import ModuleType
from typing import Any
from xml.sax.saxutils import escape

_HIDDEN = ("numpy", "pandas", "pyarrow", "polars")

# A merge costs CPU for every span in it, again. By the engine's own rule a part weighs 5 MB more than it has, so seven
# fresh parts of 1 MB draw the one of 30 MB beside them into their merge, time after time. A higher base, which is about
# how many parts like its largest a merge must have, ends that: see docs/decisions/0016-what-a-span-costs.md. Parts that
# are merged or cut away leave the disk soon; by default they stay for eight minutes, which is gigabytes under load. A
# part is at most so large, so that cutting the oldest minutes off rewrites little. What one insert writes is below the
# size from which each of a part's columns has files of its own: for `trace_spans` these are 123, each made and synced.
_MERGE_AT_LEAST = 8
_MERGE_BASE = 16
_OLD_PARTS_S = 30
_LARGEST_PART_BYTES = 2**30
_FILE_A_COLUMN_BYTES = 32 * 2**20

# Sized for a laptop: without them the engine's caches may grow to gigabytes.
_MARK_CACHE_BYTES = 32 * 2**20
_INDEX_CACHE_BYTES = 16 * 2**20
_QUERY_CACHE_BYTES = 8 * 2**20

# The engine gives a query no second thread unless a GiB is free for each: more than all that it may use here.
QUERY_SETTINGS = {"max_threads_min_free_memory_per_thread": 64 * 2**20}

_CONFIGURATION = """<clickhouse>
    <max_server_memory_usage>{memory}</max_server_memory_usage>
    <mark_cache_size>{marks}</mark_cache_size>
    <index_mark_cache_size>{index}</index_mark_cache_size>
    <uncompressed_cache_size>0</uncompressed_cache_size>
    <index_uncompressed_cache_size>0</index_uncompressed_cache_size>
    <primary_index_cache_size>{index}</primary_index_cache_size>
    <query_cache><max_size_in_bytes>{query}</max_size_in_bytes></query_cache>
    <mmap_cache_size>0</mmap_cache_size>
    <compiled_expression_cache_size>16777216</compiled_expression_cache_size>
    <tmp_path>{temporary}/</tmp_path>
    <background_pool_size>1</background_pool_size>
    <background_merges_mutations_concurrency_ratio>4</background_merges_mutations_concurrency_ratio>
    <background_merges_mutations_scheduling_policy>shortest_task_first</background_merges_mutations_scheduling_policy>
    <merge_tree>
        <min_parts_to_merge_at_once>{merge_at_least}</min_parts_to_merge_at_once>
        <number_of_free_entries_in_pool_to_execute_mutation>1</number_of_free_entries_in_pool_to_execute_mutation>
        <number_of_free_entries_in_pool_to_lower_max_size_of_merge>1</number_of_free_entries_in_pool_to_lower_max_size_of_merge>
        <number_of_free_entries_in_pool_to_execute_optimize_entire_partition>1</number_of_free_entries_in_pool_to_execute_optimize_entire_partition>
        <merge_selector_base>{merge_base}</merge_selector_base>
        <old_parts_lifetime>{old_parts_s}</old_parts_lifetime>
        <max_bytes_to_merge_at_max_space_in_pool>{largest_part}</max_bytes_to_merge_at_max_space_in_pool>
        <min_bytes_for_wide_part>{file_a_column}</min_bytes_for_wide_part>
    </merge_tree>
</clickhouse>
"""


@contextmanager
def _hidden_modules() -> Iterator[None]:
    """An import of the hidden modules fails in here; those that are loaded already stay as they are."""
    hidden = [name for name in _HIDDEN if name not in sys.modules]
    for name in hidden:
        sys.modules[name] = None  # type: ignore[assignment]
    try:
        yield
    finally:
        for name in hidden:
            sys.modules.pop(name, None)


def load() -> ModuleType:
    """`clickhouse_connect`, with what it and the engine import lazily imported too. Changes back the working directory.

    Raises ImportError when the packages of `spanwise[collector]` are not installed.
    """
    with _hidden_modules():
        import clickhouse_connect
        from clickhouse_connect.driver import options

        # Optional imports that would otherwise happen at the first query.
        for optional in ("np", "pd", "arrow", "pl"):
            getattr(options, optional, None)
    return clickhouse_connect


def load_embedded() -> ModuleType:
    """Like `load`, with the engine itself (about 0.2 s, and 0.7 s the first time after a boot)."""
    clickhouse_connect = load()
    with _hidden_modules():
        import clickhouse_connect.driver._chdbclient
    return clickhouse_connect


def connection(folder: Path, memory_bytes: int) -> dict[str, Any]:
    """The arguments of `get_client` for the engine in `folder`; writes its configuration file there.

    The engine also writes `__cache__` into the working directory, so `folder` becomes it. Raises OSError.
    """
    temporary = folder / "tmp"
    temporary.mkdir(parents=True, exist_ok=True)
    configuration = folder / "engine.xml"
    text = _CONFIGURATION.format(
        memory=memory_bytes,
        marks=_MARK_CACHE_BYTES,
        index=_INDEX_CACHE_BYTES,
        query=_QUERY_CACHE_BYTES,
        merge_at_least=_MERGE_AT_LEAST,
        merge_base=_MERGE_BASE,
        old_parts_s=_OLD_PARTS_S,
        largest_part=_LARGEST_PART_BYTES,
        file_a_column=_FILE_A_COLUMN_BYTES,
        temporary=escape(str(temporary)),
    )
    configuration.write_text(text, encoding="utf-8")
    os.chdir(folder)
    return {
        "interface": "chdb",
        "path": str(folder / "store"),
        "chdb_options": {"config-file": str(configuration)},
    }
