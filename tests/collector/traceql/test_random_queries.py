"""Random queries on random traces against the evaluator: combinations that nobody thought of."""

from __future__ import annotations

import os

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from spanwise_collector.store import ClientPool, Store
from tests.collector.otlp_requests import SECOND
from tests.collector.traceql.conftest import AGE_NS, Stored, store_forest
from tests.collector.traceql.queries import COMPARISONS, ESCAPES, INTRINSICS, PRECEDENCE, SCOPES, TYPES
from tests.collector.traceql.test_against_evaluator import found_by_evaluator, found_by_store

# Each example asks the real engine; more are for whoever changes the compiler.
EXAMPLES = int(os.environ.get("TRACEQL_EXAMPLES", "25"))
FORESTS = 3
_ATOMS = [
    query[1:-1].strip()
    for query in (*COMPARISONS, *TYPES, *SCOPES, *INTRINSICS, *PRECEDENCE, *ESCAPES)
    if query.count("{") == 1 and query.endswith("}") and query[1:-1].strip()
]
_STRUCTURE = ("&&", "||", ">", "<", "~", ">>", "<<", "!>", "!<", "!~", "!>>", "!<<", "&>", "&<", "&~", "&>>", "&<<")
_STAGES = (
    "count() > 1", "count() < 4", "max(duration) > 200ms", "avg(span.n) >= 0.5", "min(.cpu) < 4", "by(kind)",
    "by(resource.service.name)", "by(.both)", "coalesce()", "{ status = error }", "{} > {}",
    "select(span.n, nestedSetLeft)",
)  # fmt: skip

atoms = st.sampled_from(_ATOMS)
conditions = st.recursive(
    atoms,
    lambda inner: st.one_of(
        st.tuples(inner, st.sampled_from(("&&", "||")), inner).map(lambda parts: f"({' '.join(parts)})"),
        inner.map(lambda one: f"!({one})"),
    ),
    max_leaves=4,
)
filters = conditions.map(lambda condition: f"{{ {condition} }}")
spansets = st.recursive(
    filters,
    lambda inner: st.tuples(inner, st.sampled_from(_STRUCTURE), inner).map(lambda parts: f"({' '.join(parts)})"),
    max_leaves=3,
)
queries = st.tuples(spansets, st.lists(st.sampled_from(_STAGES), max_size=3)).map(
    lambda parts: " | ".join((parts[0], *parts[1]))
)
unhurried = settings(deadline=None, suppress_health_check=list(HealthCheck), print_blob=True)


@settings(unhurried, max_examples=EXAMPLES)
@given(query=queries)
def test_random_queries(stored: Stored, store: Store, query: str) -> None:
    assert found_by_store(stored, query) == found_by_evaluator(stored, query)


@settings(unhurried, max_examples=FORESTS)
@given(seed=st.integers(1, 2**31), chosen=st.lists(queries, min_size=4, max_size=4))
def test_random_traces(store: Store, slow_pool: ClientPool, seed: int, chosen: list[str]) -> None:
    # Long before the traces that the other tests count.
    other = store_forest(store, slow_pool, seed, traces=15, age_ns=AGE_NS + 3600 * SECOND)
    for query in chosen:
        assert found_by_store(other, query) == found_by_evaluator(other, query)
