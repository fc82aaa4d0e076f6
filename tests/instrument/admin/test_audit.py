from __future__ import annotations

import json
import logging

import pytest

from spanwise.admin.audit import Audit
from spanwise.admin.messages import Invalid, Request, Tier
from spanwise.admin.routes import Route

BROWSER = "text/html,*/*;q=0.8"


def change(_request: Request) -> str:
    """Changes it."""
    return "changed"


ROUTE = Route("/admin/change", change, "Change", "Misc", Tier.MUTATING, ("POST",), ("level=…",))


def request(**more):
    given = {"query": {}, "headers": {}, "peer": "127.0.0.1", "body": b"", "process": None} | more
    return Request("POST", given.pop("path", "/admin/change"), **given)


def test_only_documented_parameters_are_written_down():
    audit = Audit()
    audit.done(ROUTE, request(query={"level": ["DEBUG"], "password": ["hunter2"]}, trusted_by="token"), 200)
    [entry] = audit.changes
    assert entry.line == "POST /admin/change level=DEBUG"
    assert (entry.by, entry.status, entry.peer) == ("token", 200, "127.0.0.1")


def test_a_line_cannot_be_forged(caplog):
    audit = Audit()
    with caplog.at_level(logging.INFO, logger="spanwise.audit"):
        audit.done(ROUTE, request(query={"level": ["x\nadmin: POST /admin/shutdown"]}, path="/a\r\nb"), 200)
    [record] = caplog.records
    assert "\n" not in record.getMessage() and "\r" not in record.getMessage()


def test_refusals_do_not_push_out_changes():
    audit = Audit(most=2)
    audit.done(ROUTE, request(), 200)
    for _ in range(5):
        audit.refused(ROUTE, request(), 401)
    assert (len(audit.changes), len(audit.refusals)) == (1, 2)


def test_every_change_is_listed_whatever_became_of_it(admin, caplog):
    def invalid(_request):
        raise Invalid("No.")

    def broken(_request):
        raise RuntimeError

    for path, handler in (("/a", change), ("/b", invalid), ("/c", broken)):
        admin.add(path, handler, tier=Tier.MUTATING, methods=("POST",))
        admin.fetch(path, "POST")
    admin.fetch("/a", "POST", origin="http://evil.example")
    listed = json.loads(admin.fetch("/admin/audit", accept="application/json").body)
    assert [(each["path"], each["status"]) for each in listed["changes"][:3]] == [("/c", 500), ("/b", 400), ("/a", 200)]
    assert (listed["refused"][0]["path"], listed["refused"][0]["status"]) == ("/a", 403)
    assert any(
        record.name == "spanwise.audit" and record.getMessage().endswith("(this machine): 400")
        for record in caplog.records
    )


@pytest.mark.parametrize("accept", [BROWSER, "*/*"])
def test_the_page(admin, accept):
    admin.add("/a<b>", change, tier=Tier.MUTATING, methods=("POST",))
    admin.fetch("/a<b>", "POST")
    got = admin.fetch("/admin/audit", accept=accept)
    assert got.status == 200
    assert ("POST /a&lt;b&gt;" if accept == BROWSER else "POST /a<b>") in got.text
