from __future__ import annotations

import pytest
from prometheus_client import CollectorRegistry, Gauge

import spanwise
from spanwise.metrics import DeclarationError, declared
from spanwise.standard import Workers
from spanwise.workers.gauges import merge_of


@pytest.mark.parametrize("mode", [*Workers], ids=lambda mode: mode.value)
def test_a_declared_gauge_is_merged_as_it_says(mode: Workers) -> None:
    registry = CollectorRegistry()
    name = f"declared_{mode.value}_of_all"
    spanwise.gauge(name, unit="{thing}", description="x", workers=mode.value, registry=registry)
    (family,) = registry.collect()
    assert merge_of(declared, registry)(family) is mode


def test_unless_it_says_so_a_declared_gauge_is_added_up_and_another_ones_is_each_workers_own() -> None:
    registry = CollectorRegistry()
    spanwise.gauge("declared_plainly", unit="{thing}", description="x", registry=registry)
    Gauge("undeclared", "x", registry=registry)
    merge = merge_of(declared, registry)
    modes = {family.name: merge(family) for family in registry.collect()}
    assert modes == {"declared_plainly": Workers.SUM, "undeclared": Workers.EACH}


def test_a_mode_that_there_is_not_is_refused() -> None:
    with pytest.raises(DeclarationError, match="workers='mean' is not 'sum', 'max', 'min' or 'each'"):
        spanwise.gauge("declared_wrongly", unit="{thing}", description="x", workers="mean")
    with pytest.raises(DeclarationError, match="'worker' is set for you"):
        spanwise.gauge("declared_twice", unit="{thing}", description="x", workers="each", labels=("worker",))
