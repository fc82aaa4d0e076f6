"""SLOs: what is good, what is bad, and which requests are whose."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest
from prometheus_client import CollectorRegistry, Counter, Gauge

from spanwise import objectives, standard
from spanwise.metrics import DeclarationError, from_standard
from spanwise.objectives import Objective, objectives_for, slo


@pytest.fixture
def registry(monkeypatch: pytest.MonkeyPatch) -> Iterator[CollectorRegistry]:
    """Objectives of this test alone."""
    registry = CollectorRegistry()
    events = from_standard(Counter, standard.SLO_EVENTS, registry)
    targets = from_standard(Gauge, standard.SLO_OBJECTIVE, registry)
    monkeypatch.setattr(objectives, "_events", lambda: events)
    monkeypatch.setattr(objectives, "_targets", lambda: targets)
    monkeypatch.setattr(objectives, "_objectives", {})
    monkeypatch.setattr(objectives, "_listeners", [])
    yield registry


def counts(registry: CollectorRegistry, name: str) -> tuple[float | None, float | None]:
    good, bad = (
        registry.get_sample_value("slo_events_total", {"slo": name, "outcome": outcome}) for outcome in ("good", "bad")
    )
    return good, bad


def test_both_outcomes_are_there_from_the_start(registry: CollectorRegistry) -> None:
    slo("availability", objective=0.999)
    assert counts(registry, "availability") == (0, 0)
    assert registry.get_sample_value("slo_objective_ratio", {"slo": "availability"}) == 0.999


@pytest.mark.parametrize(
    ("latency", "duration", "failed", "good"),
    [
        (None, 100.0, False, True),
        (None, 0.1, True, False),
        (0.25, 0.1, False, True),
        (0.25, 0.25, False, True),  # at most that long
        (0.25, 0.2500001, False, False),
        (0.25, 0.1, True, False),
    ],
)
def test_good_and_bad(
    registry: CollectorRegistry, latency: float | None, duration: float, failed: bool, good: bool
) -> None:
    slo("it", objective=0.99, latency=latency).count(duration, failed)
    assert counts(registry, "it") == ((1, 0) if good else (0, 1))


def test_of_one_route_or_of_all(registry: CollectorRegistry) -> None:
    checkout = slo("checkout", route="/checkout", objective=0.99)
    everything = slo("everything", objective=0.99)
    assert objectives_for("/checkout") == (checkout, everything)
    assert objectives_for("/other") == objectives_for("") == (everything,)


def test_the_same_twice_is_the_same(registry: CollectorRegistry) -> None:
    assert slo("it", objective=0.99, route="/x") is slo("it", objective=0.99, route="/x")
    assert len(objectives.objectives()) == 1


@pytest.mark.parametrize("other", [{"objective": 0.9}, {"route": "/y"}, {"latency": 1.0}])
def test_another_under_the_same_name_is_an_error(registry: CollectorRegistry, other: dict[str, Any]) -> None:
    slo("it", objective=0.99)
    with pytest.raises(DeclarationError, match="'it' is already declared"):
        slo("it", **{"objective": 0.99, **other})


@pytest.mark.parametrize("objective", [0, 1, -1, 99.9, float("nan")])
def test_an_objective_is_a_share(registry: CollectorRegistry, objective: float) -> None:
    with pytest.raises(DeclarationError, match=r"is not a share between 0 and 1, such as 0.999"):
        slo("it", objective=objective)


@pytest.mark.parametrize("latency", [0, -0.1, float("nan")])
def test_a_latency_is_above_zero(registry: CollectorRegistry, latency: float) -> None:
    with pytest.raises(DeclarationError, match="is not a number of seconds above 0"):
        slo("it", objective=0.99, latency=latency)


@pytest.mark.parametrize("name", ["", "  "])
def test_it_has_a_name(registry: CollectorRegistry, name: str) -> None:
    with pytest.raises(DeclarationError, match="needs a name"):
        slo(name, objective=0.99)


def test_listeners_hear_of_each_new_one(registry: CollectorRegistry) -> None:
    heard: list[list[Objective]] = []
    objectives.when_declared(lambda: heard.append(objectives.objectives()))
    one = slo("one", objective=0.9)
    slo("one", objective=0.9)
    two = slo("two", objective=0.9)
    assert heard == [[one], [one, two]]
