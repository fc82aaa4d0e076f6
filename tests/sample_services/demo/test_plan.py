from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from spanwise.settings import SettingError, resolve
from spanwise_samples.demo.plan import Plan
from spanwise_samples.settings import DEMO_SETTINGS, STORES


def plan(**arguments: Any) -> Plan:
    return Plan(resolve(DEMO_SETTINGS, arguments, {}), Path("/nowhere"))


def test_every_port_can_be_changed_by_its_own_flag() -> None:
    uses = list(plan().port_uses(with_prometheus=True))
    assert len({use.port for use in uses}) == len({use.flag for use in uses}) == len(uses) == 5 + 2 * len(STORES)
    assert {use.flag for use in uses} <= {row.flag for row in DEMO_SETTINGS}


def test_prometheus_needs_no_port_when_it_is_not_started() -> None:
    assert "--prometheus-port" not in {use.flag for use in plan().port_uses(with_prometheus=False)}


def test_services_know_each_other_and_the_collector_where_the_flags_put_them() -> None:
    demo = plan(SAMPLES_CATALOG_PORT="1081", SPANWISE_COLLECTOR_PORT="1411", SAMPLES_GATEWAY_ADMIN_PORT="1990")
    gateway = demo.service(demo.services[0])
    assert gateway.environment["SAMPLES_CATALOG_URL"] == "http://127.0.0.1:1081"
    assert gateway.environment["SPANWISE_COLLECTOR_URL"] == "http://127.0.0.1:1411"
    assert gateway.environment["SPANWISE_ADMIN_PORT"] == "1990"
    assert "http://127.0.0.1:1990/readyz" in gateway.urls


def test_only_the_services_that_were_asked_for_are_started() -> None:
    demo = plan(SAMPLES_DEMO_SERVICES="catalog,orders")
    assert [store.name for store in demo.services] == ["catalog", "orders"]
    assert not demo.has_load
    assert plan(SAMPLES_DEMO_SERVICES="gateway").has_load


def test_an_unknown_service_is_named_with_those_there_are() -> None:
    with pytest.raises(SettingError, match="'basket' is not one of gateway, catalog"):
        plan(SAMPLES_DEMO_SERVICES="gateway,basket").services
