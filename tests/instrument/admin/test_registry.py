from __future__ import annotations

import json
import os
import sys

import pytest

from spanwise.admin.builtin.registry import MASK

BROWSER = "text/html,*/*;q=0.8"


def registry(admin, query=""):
    return json.loads(admin.fetch(f"/admin/registry.json{query}").body)["registry"]


def test_values_of_the_environment_are_masked(admin, monkeypatch):
    monkeypatch.setenv("DATABASE_URL", "postgres://user:hunter2@db")
    env = registry(admin)["system"]["env"]
    assert env["DATABASE_URL"] == MASK
    assert set(env) == set(os.environ)
    assert set(env.values()) == {MASK}


def test_settings_say_where_they_come_from(make_admin):
    configuration = registry(make_admin(token="hunter2", drain_delay="7s", allowed_hosts="a.example"))["configuration"]
    assert configuration["SPANWISE_ADMIN_TOKEN"]["value"] == MASK
    assert configuration["SPANWISE_ADMIN_ALLOWED_HOSTS"]["value"] == MASK
    delay = configuration["SPANWISE_ADMIN_DRAIN_DELAY"]
    assert (delay["value"], delay["source"], delay["default"], delay["is_default"]) == (7.0, "argument", "5s", False)
    port = configuration["SPANWISE_ADMIN_PORT"]
    assert (port["value"], port["source"], port["is_default"]) == (9990, "default", True)


def test_values_are_shown_on_request_and_secrets_never(make_admin):
    admin = make_admin(token="hunter2", allowed_hosts="a.example", show_values="true")
    configuration = registry(admin)["configuration"]
    assert configuration["SPANWISE_ADMIN_ALLOWED_HOSTS"]["value"] == ["a.example"]
    assert configuration["SPANWISE_ADMIN_TOKEN"]["value"] == MASK


def test_arguments_are_named_and_their_values_are_not(admin, monkeypatch):
    monkeypatch.setattr(sys, "argv", ["app.py", "--token=hunter2", "--verbose", "hunter2", "-phunter2"])
    assert registry(admin)["system"]["python_arguments"] == ["app.py", f"--token={MASK}", "--verbose", MASK, MASK]


@pytest.mark.parametrize(
    ("wanted", "expected"),
    [
        ("registry/library/*/version", {"library"}),
        ("library/pytest", {"library"}),
        ("system/properties/python.version", {"system"}),
        ("nothing/*", set()),
        ("library/pytest/version/deeper", set()),
    ],
)
def test_a_filter_takes_a_part(admin, wanted, expected):
    assert set(registry(admin, f"?filter={wanted}")) == expected


def test_the_page(admin):
    assert admin.fetch("/admin/registry.json", accept=BROWSER).text.startswith("{")
    html = admin.fetch("/admin/registry", accept=BROWSER).text
    assert "SPANWISE_ADMIN_DRAIN_DELAY" in html and "<table>" in html


def test_the_bill_of_materials(admin):
    data = json.loads(admin.fetch("/admin/sbom.json").body)
    assert (data["bomFormat"], data["specVersion"]) == ("CycloneDX", "1.5")
    by_name = {each["name"]: each for each in data["components"]}
    pytest_itself = by_name["pytest"]
    assert pytest_itself["purl"] == f"pkg:pypi/pytest@{pytest_itself['version']}"
    assert {"name": "spanwise:loaded", "value": "true"} in pytest_itself["properties"]
    assert len({each["bom-ref"] for each in data["components"]}) == len(data["components"])
