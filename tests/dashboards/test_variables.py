"""Variables are filled in the way Grafana does it."""

from __future__ import annotations

import pytest

from spanwise_dashboards.variables import (
    ENVIRONMENT,
    SERVICE_NAME,
    SERVICE_VERSION,
    fill_variables,
    variables_in,
)


def test_everything_has_a_value_without_being_given() -> None:
    filled = fill_variables('x{service_name=~"$service_name", e=~"${environment:regex}"}[$__rate_interval]')
    assert filled == 'x{service_name=~".+", e=~".+"}[1m]'


def test_macros_are_given_without_their_underscores() -> None:
    assert fill_variables(
        "[$__rate_interval] [$__range] [$__interval]", rate_interval="4s", range="9s", interval="1s"
    ) == ("[4s] [9s] [1s]")


def test_several_values_are_escaped_for_the_expression_and_for_the_string() -> None:
    assert fill_variables('{s=~"$service_name"}', service_name=["a", "b.c"]) == '{s=~"(a|b\\\\.c)"}'


def test_an_unknown_variable_is_named() -> None:
    with pytest.raises(ValueError, match=r"\$nobody is not a variable of the boards"):
        fill_variables("up{x='$nobody'}")


def test_a_longer_name_is_not_a_shorter_one() -> None:
    assert variables_in("$service_name ${service_version} $__range") == {"service_name", "service_version", "__range"}


@pytest.mark.parametrize(
    ("variable", "label"),
    [
        (ENVIRONMENT, "deployment_environment_name"),
        (SERVICE_NAME, "service_name"),
        (SERVICE_VERSION, "service_version"),
    ],
)
def test_a_variable_lists_the_values_of_its_label(variable: object, label: str) -> None:
    assert str(getattr(variable, "query", "")).endswith(f", {label})")
