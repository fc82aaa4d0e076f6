from __future__ import annotations

import json
import re
import time

import pytest

from spanwise.admin.builtin.server_info import start_time


def test_the_keys_of_the_contract_come_first_and_in_order(admin):
    got = admin.fetch("/admin/server_info")
    assert got.headers["content-type"] == "application/json;charset=UTF-8"
    data = json.loads(got.body)
    assert list(data) == [
        "name",
        "version",
        "build",
        "build_revision",
        "build_branch_name",
        "build_last_few_commits",
        "merge_base",
        "merge_base_commit_date",
        "scm_repository",
        "start_time",
        "uptime",
        "deployment.environment.name",
        "service.instance.id",
    ]
    assert (data["name"], data["version"], data["build_revision"]) == ("checkout", "1.4.2", "694299d6")
    assert (data["build"], data["build_last_few_commits"]) == ("unknown", ["694299d (HEAD)"])
    assert 100_000 <= data["uptime"] < 160_000
    assert re.fullmatch(r"[A-Z][a-z]{2} [A-Z][a-z]{2} \d\d \d\d:\d\d:\d\d \S+ \d{4}", data["start_time"])
    assert got.text.startswith('{\n  "name": "checkout",\n')


def test_the_defaults_of_the_contract(make_admin):
    data = json.loads(make_admin(identity={"service.version": "unknown"}).fetch("/admin/server_info").body)
    assert (data["name"], data["version"], data["build_revision"]) == ("unknown", "0.0", "unknown")


@pytest.mark.parametrize(
    ("zone", "expected"),
    [("PST8PDT", "Thu Feb 21 13:43:32 PST 2013"), ("UTC", "Thu Feb 21 21:43:32 UTC 2013")],
)
def test_the_date_is_as_java_writes_it(monkeypatch, zone, expected):
    monkeypatch.setenv("TZ", zone)
    time.tzset()
    try:
        assert start_time(1361483012.9) == expected
    finally:
        monkeypatch.undo()
        time.tzset()
