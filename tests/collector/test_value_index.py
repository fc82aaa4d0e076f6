"""The index over the values of span attributes: searches use it, and find with it what they find without."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanwise_collector.query import Binder, Condition, tag_is
from spanwise_collector.query.filter import Attribute, Comparison, Filter, Operator, Scope, condition, parse
from spanwise_collector.store import Store, insert
from spanwise_collector.store._migrations import migrate, migrations
from spanwise_collector.traceql import parse as parse_traceql
from spanwise_collector.traceql._search import spanset_search
from tests.collector.api.test_filter_conditions import KEYS, REQUESTS, VALUES, comparisons, joined
from tests.collector.running_collector import wait_for

FIRST_INDEXED = 25


@pytest.fixture(scope="module")
def database(_engine: Store, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    """A client on a database whose first spans were stored by a version without the index."""
    client = _engine.client()
    client.command("CREATE DATABASE value_index")
    client.database = "value_index"
    bodies = [one.SerializeToString() for one in REQUESTS]
    for migration in migrations():
        if migration.version < FIRST_INDEXED:
            client.command(migration.sql)
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(tmp_path_factory.mktemp("value-index"))  # the engine writes a cache into the working directory
        insert(client, b"".join(bodies[::2]), "old")
        migrate(client, "value_index")
        insert(client, b"".join(bodies[1::2]), "new")
    yield client
    client.command("DROP DATABASE value_index")
    client.close()


@pytest.fixture(scope="module")
def small_blocks(database: Any) -> Any:
    """The same spans in blocks of one row, half of them in a part without the index."""
    database.command(
        "CREATE TABLE small_blocks AS spans ENGINE = MergeTree ORDER BY span_id SETTINGS index_granularity = 1"
    )
    database.command("SYSTEM STOP MERGES small_blocks")
    for remainder, indexed in ((0, 0), (1, 1)):
        database.command(
            f"INSERT INTO small_blocks SELECT * FROM spans WHERE cityHash64(span_id) % 2 = {remainder}",
            settings={"materialize_skip_indexes_on_insert": indexed},
        )
    return database


def found(client: Any, table: str, made: Condition, parameters: dict[str, Any], first: str) -> set[bytes]:
    sql = f"SELECT span_id FROM {table} {first} WHERE {made.sql}"
    return {row[0] for row in client.query(sql, parameters=parameters).result_rows}


def check(client: Any, made: Condition, parameters: dict[str, Any]) -> None:
    assert not made.whole
    everywhere = found(client, "small_blocks", made, parameters, "")
    assert found(client, "spans", made, parameters, "") == everywhere
    if made.needed:
        first = f"PREWHERE {made.needed}"
        assert found(client, "small_blocks", made, parameters, first) == everywhere
        assert found(client, "spans", made, parameters, first) == everywhere


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(wanted=st.recursive(comparisons(), joined, max_leaves=4))
def test_random_filters_find_the_same_with_it(small_blocks: Any, wanted: Filter) -> None:
    binder = Binder()
    made = condition(wanted, binder)
    if not made.whole:
        check(small_blocks, made, binder.parameters)


EQUALS = [value for value in (*VALUES, -0.0, 1.5, 2.0**53, 2**53, 1e300) if isinstance(value, str | int | float)]


@pytest.mark.parametrize("scope", [Scope.SPAN, Scope.ANY])
@pytest.mark.parametrize("value", [value for value in EQUALS if value == value], ids=repr)
def test_every_value_is_found_with_it(small_blocks: Any, value: Any, scope: Scope) -> None:
    for key in KEYS:
        binder = Binder()
        made = condition(Comparison(Attribute(scope, key), Operator.EQUAL, value), binder)
        assert made.needed
        check(small_blocks, made, binder.parameters)


@pytest.mark.parametrize("text", ["a", "500", "-1", "true", "0.5", ""])
def test_tags_of_zipkin_and_jaeger_are_found_with_it(small_blocks: Any, text: str) -> None:
    for key in KEYS:
        binder = Binder()
        check(small_blocks, tag_is(binder, key, text), binder.parameters)


@pytest.mark.parametrize(
    "query",
    [
        '{ span.k = "a" }',
        "{ span.k = 500 }",
        "{ 500.0 = span.n }",
        "{ span.k = true }",
        '{ .k = "abc" }',
        "{ .n = 500 }",
        "{ .k = 0 }",
        '{ .service.name = "filter-conditions" && .n = 500 }',
        '{ span.k = "a" || .n = -1 }',
        "{ .k != 500 }",
        '{ resource.k = "a" || span.k = "a" }',
        '{ name = "abc" && span.k =~ "a.*" }',
        '{ "a" = .k }',
        "{ span.k = -1 }",
    ],
)
def test_traceql_finds_the_same_with_it(small_blocks: Any, query: str) -> None:
    search = spanset_search(parse_traceql(query).pipeline)
    (made,) = search.conditions
    assert made.needed
    check(small_blocks, made, search.candidate_parameters)


def blocks_read(client: Any, table: str, made: Condition, parameters: dict[str, Any]) -> tuple[int, int]:
    """How many blocks are read with the index, and how many there are."""
    sql = f"EXPLAIN indexes = 1 SELECT span_id FROM {table} PREWHERE {made.needed} WHERE {made.sql}"
    lines = [row[0].strip() for row in client.query(sql, parameters=parameters).result_rows]
    assert "Name: attribute_values" in lines, lines
    counts = [line.removeprefix("Granules: ") for line in lines if line.startswith("Granules: ")]
    read, _, _ = counts[-1].partition("/")
    return int(read), int(counts[0].partition("/")[2])


@pytest.fixture(scope="module")
def haystack(database: Any) -> Any:
    """A thousand spans in blocks of eight; two have the needle, as a text and as numbers."""
    database.command("CREATE TABLE haystack AS spans ENGINE = MergeTree ORDER BY start SETTINGS index_granularity = 8")
    database.command(
        "INSERT INTO haystack (span_id, start, attributes) SELECT unhex(leftPad(hex(number), 16, '0')),"
        " fromUnixTimestamp64Nano(toInt64(number)), [('k', 'string', if(number = 300, 'needle', 'straw' || number)),"
        " ('n', 'int', toString(number)), ('d', 'double', toString(number / 4))] FROM numbers(1000)"
    )
    return database


@pytest.mark.parametrize(
    ("wanted", "most"),
    [
        ('span.k = "needle"', 3),
        ("span.n = 300", 3),
        ("span.n = 300.0", 3),
        ("span.d = 0.25", 3),
        ("span.d = 75", 3),
        ('any.k = "needle"', 3),
        ('span.k = "needle" and not span.n = 5', 3),
        ('span.k = "needle" or span.n = 500', 6),
        ('span.k = "needle" and span.n = 500', 1),
        ('span.n = "300"', 3),
    ],
)
def test_few_blocks_are_read(haystack: Any, wanted: str, most: int) -> None:
    binder = Binder()
    made = condition(parse(wanted), binder)
    read, there = blocks_read(haystack, "haystack", made, binder.parameters)
    assert there == 125
    assert read <= most + 4  # a block in a hundred is read for nothing


@pytest.mark.parametrize("wanted", ['span.k != "needle"', 'span.k =~ "needle"', "span.n > 300", "span.k exists"])
def test_other_comparisons_read_all_blocks(haystack: Any, wanted: str) -> None:
    binder = Binder()
    made = condition(parse(wanted), binder)
    sql = f"EXPLAIN indexes = 1 SELECT span_id FROM haystack PREWHERE {made.needed} WHERE {made.sql}"
    assert "Name: attribute_values" not in str(haystack.query(sql, parameters=binder.parameters).result_rows)


def index_sizes(client: Any) -> Sequence[Any]:
    """Of each part of spans."""
    return [
        row[0]
        for row in client.query(
            "SELECT secondary_indices_compressed_bytes FROM system.parts"
            " WHERE active AND database = 'value_index' AND table = 'spans'"
        ).result_rows
    ]


def test_spans_of_before_are_indexed_in_the_background_and_new_ones_by_merges(database: Any) -> None:
    wait_for(lambda: any(index_sizes(database)), 30, "the index of the part of before")
    database.command("OPTIMIZE TABLE spans FINAL")
    assert all(index_sizes(database))
