"""Log levels, sampling, garbage collection and toggles, changed over the wire, each for a while."""

from __future__ import annotations

import gc
import json
import logging

import pytest

from spanwise import toggles
from spanwise.admin.log_levels import log_group
from spanwise.admin.temporary import CHANGES
from spanwise.tracing.policy import SamplingPolicy
from spanwise.tracing.policy_fetch import PolicyInForce
from spanwise.tracing.sampling import HeadSampling
from tests.instrument.admin.conftest import until

BROWSER = "text/html,*/*;q=0.8"
JSON = "application/json"


@pytest.fixture(autouse=True)
def nothing_stays_changed():
    yield
    CHANGES.undo_all()


@pytest.fixture
def logger():
    logger = logging.getLogger("spanwise_test.control")
    logger.setLevel(logging.NOTSET)
    yield logger
    logger.setLevel(logging.NOTSET)


@pytest.fixture
def sampling():
    return HeadSampling(0.1)


@pytest.fixture
def traced(make_admin, sampling):
    return make_admin(sampling=sampling)


def post(admin, path, **headers):
    return admin.fetch(path, "POST", **headers)


def test_a_level_is_set_and_comes_back(admin, logger):
    got = post(admin, "/admin/logging?logger=spanwise_test.control&level=debug&ttl=200ms")
    assert got.text == "spanwise_test.control is DEBUG for 200 ms\n"
    assert logger.level == logging.DEBUG
    until(lambda: logger.level == logging.NOTSET)


def test_reading_never_changes_anything(admin, logger):
    admin.fetch("/admin/logging?logger=spanwise_test.control&level=DEBUG")
    assert logger.level == logging.NOTSET


def test_null_takes_a_change_back(admin, logger):
    logger.setLevel(logging.ERROR)
    post(admin, "/admin/logging?logger=spanwise_test.control&level=INFO")
    post(admin, "/admin/logging?logger=spanwise_test.control&level=DEBUG")
    assert logger.level == logging.DEBUG
    assert post(admin, "/admin/logging?logger=spanwise_test.control&level=null").status == 200
    assert logger.level == logging.ERROR


def test_json_in_spring_s_shape(admin, logger):
    body = json.dumps({"logger": "spanwise_test.control", "configuredLevel": "WARN"}).encode()
    got = admin.fetch("/admin/logging.json", "POST", body, content_type=JSON)
    assert json.loads(got.body)["level"] == "WARNING"
    data = json.loads(admin.fetch("/admin/logging.json?logger=spanwise_test.control").body)
    assert data["levels"][0] == "OFF"
    assert data["loggers"] == {
        "spanwise_test.control": {"configuredLevel": "WARNING", "effectiveLevel": "WARNING"},
    }
    assert set(data["groups"]["sql"]) == {"configuredLevel", "members"}
    assert "ROOT" in json.loads(admin.fetch("/admin/logging.json").body)["loggers"]


def test_a_group_is_set_together(admin, logger):
    log_group("billing", "spanwise_test.control", "spanwise_test.other")
    post(admin, "/admin/logging?logger=billing&level=DEBUG")
    assert logging.getLogger("spanwise_test.other").level == logging.DEBUG
    assert json.loads(admin.fetch("/admin/logging.json").body)["groups"]["billing"]["configuredLevel"] == "DEBUG"
    post(admin, "/admin/logging?logger=billing&level=null")
    assert logger.level == logging.NOTSET


def test_overridden_shows_only_loggers_with_a_level(admin, logger):
    logging.getLogger("spanwise_test.plain")
    logger.setLevel(logging.INFO)
    text = admin.fetch("/admin/logging?overridden=true&logger=spanwise_test").text
    assert text == "INFO     spanwise_test.control\n"


@pytest.mark.parametrize(
    "query",
    ["", "logger=a", "logger=a&level=LOUD", "logger=&level=INFO", "logger=a&level=INFO&ttl=x", "level=DEBUG"],
)
def test_a_wrong_level_is_a_400(admin, query):
    assert post(admin, f"/admin/logging?{query}").status == 400


def test_a_browser_comes_back_to_the_page(admin, logger):
    form = {"content_type": "application/x-www-form-urlencoded", "accept": BROWSER}
    got = admin.fetch("/admin/logging", "POST", b"logger=spanwise_test.control&level=DEBUG&ttl=10m", **form)
    assert (got.status, got.headers["location"]) == (303, "/admin/logging")
    page = admin.fetch("/admin/logging", accept=BROWSER).text
    assert "back in" in page and "Take back" in page
    listed = admin.fetch("/admin/changes", accept=BROWSER).text
    assert "log level of spanwise_test.control" in listed
    assert admin.fetch("/admin/changes", "POST", b"undo=log+level+of+spanwise_test.control", **form).status == 303
    assert logger.level == logging.NOTSET
    assert post(admin, "/admin/changes?undo=nothing").status == 400


def test_sampling_in_twitter_server_s_words(traced, sampling):
    assert post(traced, "/admin/tracing?disable=true").text == "Disabling Finagle tracing\n"
    assert sampling.rate == 0
    assert post(traced, "/admin/tracing?enable=true").text == "Enabled Finagle tracing\n"
    assert sampling.rate == 0.1


def test_a_rate_is_set_for_a_while(traced, sampling):
    assert post(traced, "/admin/tracing?rate=1&ttl=200ms").status == 200
    assert sampling.rate == 1
    assert json.loads(traced.fetch("/admin/tracing", accept=JSON).body)["undone_in_s"] > 0
    until(lambda: sampling.rate == 0.1)


@pytest.mark.parametrize("query", ["", "rate=2", "rate=nan", "rate=x", "enable=no"])
def test_a_wrong_rate_is_a_400(traced, sampling, query):
    assert post(traced, f"/admin/tracing?{query}").status == 400
    assert sampling.rate == 0.1


def test_a_route_has_a_rate_of_its_own_for_a_while(traced, sampling):
    path = "/admin/tracing?route=/orders/%7Bid%7D"
    assert traced.fetch(f"{path}&rate=1&ttl=1m", "POST").text == "1 of new traces of /orders/{id} is kept\n"
    assert sampling.rate == 0.1
    assert sampling.routes.of("/orders/7").decide(0, 0.0) is not None
    [entry] = json.loads(traced.fetch("/admin/tracing", accept="application/json").body)["routes"]
    assert (entry["route"], entry["rate"], entry["set_by"]) == ("/orders/{id}", 1.0, "hand")
    assert 0 < entry["undone_in_s"] <= 60
    assert traced.fetch(f"{path}&enable=true", "POST").text == "/orders/{id}: back to the service's own rate\n"
    assert sampling.routes is None


def test_the_next_requests_of_a_route_are_traced(traced, sampling):
    answer = traced.fetch("/admin/tracing?route=/orders/%7Bid%7D&next=2", "POST")
    assert answer.text == "the next 2 requests of /orders/{id} are traced\n"
    [wanted] = sampling.wanted
    assert [wanted.takes("/orders/7") for _ in range(3)] == [True, True, False]
    assert "/orders/{id}: all 2 taken, set by hand\n" in traced.fetch("/admin/tracing").text
    page = traced.fetch("/admin/tracing", accept="text/html").text
    assert "Take back" in page and '<option value="/orders/{id}">' in page
    traced.process.changes.undo_all()
    assert sampling.wanted == ()


@pytest.mark.parametrize("query", ["next=5", "route=/a&next=0", "route=/a&next=1001", "route=a&rate=1", "route=/a"])
def test_a_wrong_wish_for_traces_is_a_400(traced, sampling, query):
    assert traced.fetch(f"/admin/tracing?{query}", "POST").status == 400
    assert (sampling.wanted, sampling.routes) == ((), None)


@pytest.mark.parametrize("again", [False, True])
def test_a_policy_that_comes_meanwhile_is_not_undone(traced, sampling, again):
    in_force = PolicyInForce(sampling)
    in_force(SamplingPolicy(0.2))
    assert post(traced, "/admin/tracing?rate=1&ttl=10m").status == 200
    in_force(SamplingPolicy(0.5))
    assert sampling.rate == 0.5
    if again:
        assert post(traced, "/admin/tracing?disable=true&ttl=10m").status == 200
    assert post(traced, "/admin/tracing?enable=true").status == 200
    assert sampling.rate == 0.5


def test_reading_tracing_changes_nothing(traced, sampling):
    assert traced.fetch("/admin/tracing?disable=true").text.startswith("Tracing is enabled: 0.1 of new traces is kept.")
    assert sampling.rate == 0.1
    assert "Switch off" in traced.fetch("/admin/tracing", accept=BROWSER).text


def test_without_a_place_for_spans_there_is_nothing_to_sample(admin):
    assert "Spans go nowhere" in admin.fetch("/admin/tracing").text
    assert post(admin, "/admin/tracing?rate=1").status == 400


def test_garbage_is_collected_and_frozen(admin):
    assert post(admin, "/admin/gc").text.startswith("collected ")
    post(admin, "/admin/gc?freeze=true")
    assert gc.get_freeze_count() > 1000
    assert post(admin, "/admin/gc?unfreeze=true").status == 200
    assert gc.get_freeze_count() == 0
    assert post(admin, "/admin/gc?unfreeze=true").status == 400


@pytest.fixture
def toggle():
    toggle = toggles.toggle("spanwise_test.flow", fraction=0.25, description="A <new> flow")
    toggle.set_fraction(0.25)
    return toggle


def test_a_toggle_in_twitter_server_s_shape(admin, toggle):
    toggle.last = None
    data = json.loads(admin.fetch("/admin/toggles/spanwise_test").body)
    assert data == {
        "libraries": [
            {
                "libraryName": "spanwise_test",
                "toggles": [
                    {
                        "current": {"id": "spanwise_test.flow", "fraction": 0.25, "description": "A <new> flow"},
                        "components": [{"source": "declared", "fraction": 0.25}],
                    }
                ],
            }
        ]
    }
    assert "A &lt;new&gt; flow" in admin.fetch("/admin/toggles", accept=BROWSER).text


@pytest.mark.parametrize("path", ["spanwise_test/flow", "spanwise_test/spanwise_test.flow"])
def test_a_toggle_is_put_and_deleted(admin, toggle, path):
    assert admin.fetch(f"/admin/toggles/{path}?fraction=1", "PUT").status == 200
    assert toggle.fraction == 1
    entry = json.loads(admin.fetch(f"/admin/toggles/{path}").body)["libraries"][0]["toggles"][0]
    assert entry["components"][0] == {"source": "admin", "fraction": 1.0}
    assert admin.fetch(f"/admin/toggles/{path}", "DELETE").status == 200
    assert toggle.fraction == 0.25


@pytest.mark.parametrize(
    ("path", "expected"),
    [
        ("spanwise_test/flow?fraction=2", 400),
        ("spanwise_test/flow", 400),
        ("spanwise_test/flow?fraction=nan", 400),
        ("spanwise_test?fraction=1", 400),
        ("spanwise_test/nothing?fraction=1", 404),
        ("nothing/flow?fraction=1", 404),
    ],
)
def test_a_wrong_toggle_is_refused_with_errors(admin, toggle, path, expected):
    got = admin.fetch(f"/admin/toggles/{path}", "PUT")
    assert got.status == expected
    assert json.loads(got.body)["errors"]
    assert toggle.fraction == 0.25


def test_a_wrong_method_names_the_right_ones(admin, toggle):
    got = admin.fetch("/admin/toggles/spanwise_test/flow", "PATCH")
    assert (got.status, got.headers["allow"]) == (405, "DELETE, GET, HEAD, POST, PUT")


def test_keys_are_split_by_the_fraction_and_stay_where_they_are(toggle):
    taken = {key for key in range(4000) if toggle(key)}
    assert 850 < len(taken) < 1150
    toggle.set_fraction(0.5)
    assert taken <= {key for key in range(4000) if toggle(key)}
    for fraction, share in ((0.0, 0), (1.0, 4000)):
        toggle.set_fraction(fraction)
        assert sum(toggle(key) for key in range(4000)) == share


@pytest.mark.parametrize(("id", "fraction"), [("flow", 0.5), ("a.b c", 0.5), ("a.b", 1.5), ("", 0.5)])
def test_a_wrong_declaration_is_refused(id, fraction):
    with pytest.raises(ValueError):
        toggles.toggle(id, fraction=fraction, description="x")
