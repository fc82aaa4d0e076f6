"""Deleting one trace takes it out of every table of traces, and out of nothing else."""

from __future__ import annotations

from typing import Any

import pytest

from spanwise_collector.store import Store, delete_trace, insert
from tests.collector.otlp_requests import new_trace_id, payload, span


def count(client: Any, sql: str, **parameters: str) -> int:
    return int(client.query(sql, parameters=parameters).result_rows[0][0])


def test_a_trace_is_gone_from_all_tables_and_the_rates_keep_it(store: Store) -> None:
    client = store.client()
    gone, kept = new_trace_id(), new_trace_id()
    spans = [span(trace_id=trace_id) for trace_id in (gone, gone, kept)]
    insert(client, payload(*spans, service="deletion"), f"deletion-{gone}")
    assert delete_trace(client, gone) == 2
    for table in ("spans", "trace_spans", "traces"):
        where = f"SELECT count() FROM {table} WHERE trace_id = toFixedString(unhex({{id:String}}), 16)"
        assert count(client, where, id=gone) == 0, table
        assert count(client, where, id=kept) == 1, table
    assert count(client, "SELECT sum(span_count) FROM red_minutes WHERE service = 'deletion'") == 3
    assert delete_trace(client, gone) == 0
    client.close()


@pytest.mark.parametrize("trace_id", ["", "1", "' OR 1=1 --", "A" * 32, "0" * 33])
def test_what_is_no_trace_id_is_refused(store: Store, trace_id: str) -> None:
    client = store.client()
    with pytest.raises(ValueError, match="hexadecimal"):
        delete_trace(client, trace_id)
    client.close()
