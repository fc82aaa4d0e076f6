from __future__ import annotations

import pytest

from spanwise.settings import SettingError
from spanwise_samples.settings import (
    DEMO_SETTINGS,
    LOAD_SETTINGS,
    SERVICE_SETTINGS,
    STORES,
    of_service,
    service_settings,
)


def test_a_services_own_variable_beats_the_common_one_which_beats_its_default() -> None:
    own = service_settings("catalog", [], {"SAMPLES_LATENCY_MS": "50", "SAMPLES_CATALOG_LATENCY_MS": "7"})
    common = service_settings("catalog", [], {"SAMPLES_LATENCY_MS": "50"})
    default = service_settings("catalog", [], {})
    assert [of_service(settings, "catalog", "LATENCY_MS") for settings in (own, common, default)] == [7, 50, 6]


def test_flags_beat_the_environment() -> None:
    assert service_settings("catalog", ["--port", "1234"], {"SAMPLES_PORT": "4321"})["SAMPLES_PORT"] == 1234


def test_a_rate_outside_0_to_1_is_refused() -> None:
    with pytest.raises(SettingError, match=r"SAMPLES_ERROR_RATE='1\.5' is out of range: allowed is 0 to 1"):
        service_settings("catalog", [], {"SAMPLES_ERROR_RATE": "1.5"})


@pytest.mark.parametrize("table", [SERVICE_SETTINGS, LOAD_SETTINGS, DEMO_SETTINGS])
def test_no_variable_or_flag_stands_twice_in_a_table(table: tuple[object, ...]) -> None:
    variables = [row.variable for row in table]  # type: ignore[attr-defined]
    flags = [row.flag for row in table if row.flag]  # type: ignore[attr-defined]
    assert len(set(variables)) == len(variables)
    assert len(set(flags)) == len(flags)


def test_default_ports_are_all_different_and_leave_9991_to_the_collector() -> None:
    ports = [port for store in STORES for port in (store.port, store.admin_port)]
    assert len(set(ports)) == len(ports)
    assert 9991 not in ports
    assert STORES[0].admin_port == 9990
