from __future__ import annotations

import gc
import logging
import os
import ssl
import time

import pytest

from spanwise import lint
from spanwise import lint_rules as built_in
from spanwise.lint import Rule, run


def rule(check, id="x"):
    return Rule("Category", id, "Name", "Description.", check)


def ids(issues):
    return {each.rule.id for each in issues if each.issues}


def test_a_rule_says_what_it_finds_or_nothing():
    found = run([rule(lambda: ["one", "two"]), rule(lambda: None, "none"), rule(lambda: iter(()), "empty")])
    assert [each.issues for each in found] == [("one", "two"), (), ()]


def test_one_that_raises_is_an_issue_and_shows_no_message():
    def broken():
        raise RuntimeError("password=hunter2")

    [found] = run([rule(broken)])
    assert found.issues == ("the rule itself failed: RuntimeError",)


def test_one_that_hangs_holds_up_nobody():
    began = time.monotonic()
    slow, quick = run([rule(lambda: time.sleep(5) or []), rule(lambda: ["found"], "quick")], timeout_s=0.2)
    assert time.monotonic() - began < 2
    assert slow.issues == ("the rule took longer than 0.2 s",)
    assert quick.issues == ("found",)


def test_one_that_never_stops_finding_is_stopped():
    def endless():
        while True:
            yield "x" * 1000

    [found] = run([rule(endless)])
    assert len(found.issues) == 20
    assert len(found.issues[0]) == 300


def test_a_library_registers_its_own():
    @lint.lint_rule("spanwise-test", category="Test", name="A test's rule")
    def check():
        """Because
        it matters."""
        return ["wrong"]

    try:
        [mine] = [each for each in lint.rules() if each.id == "spanwise-test"]
        assert mine.description == "Because it matters."
        assert run([mine])[0].issues == ("wrong",)
    finally:
        del lint._rules["spanwise-test"]


def test_a_rule_needs_an_id_and_a_reason():
    with pytest.raises(ValueError, match="lower-case"):
        lint.lint_rule("Not An Id", category="x", name="x")
    with pytest.raises(ValueError, match="docstring"):
        lint.lint_rule("no-reason", category="x", name="x")(lambda: None)


def test_there_are_enough_rules_and_all_of_them_run():
    rules = lint.rules()
    assert len(rules) >= 15
    assert [each.rule.id for each in run(rules, 10) if any("the rule" in issue for issue in each.issues)] == []


@pytest.mark.parametrize(
    ("check", "variable", "value"),
    [
        (built_in.debug_mode, "FLASK_DEBUG", "1"),
        (built_in.asyncio_debug, "PYTHONASYNCIODEBUG", "1"),
        (built_in.tls_not_verified, "PYTHONHTTPSVERIFY", "0"),
        (built_in.fixed_hash_seed, "PYTHONHASHSEED", "0"),
        (built_in.multiprocess_folder, "PROMETHEUS_MULTIPROC_DIR", "/nowhere"),
    ],
)
def test_what_the_environment_says(monkeypatch, check, variable, value):
    monkeypatch.delenv(variable, raising=False)
    before = list(check())
    monkeypatch.setenv(variable, value)
    assert len(list(check())) == len(before) + 1


def test_files_of_dead_processes_are_noticed(monkeypatch, tmp_path):
    monkeypatch.setenv("PROMETHEUS_MULTIPROC_DIR", str(tmp_path))
    (tmp_path / f"counter_{os.getpid()}.db").touch()
    assert len(list(built_in.multiprocess_folder())) == 1
    (tmp_path / "counter_999999999.db").touch()
    assert "files of 1 dead processes are there" in list(built_in.multiprocess_folder())


def test_a_collector_that_is_off_is_noticed():
    gc.disable()
    try:
        assert list(built_in.gc_off()) == ["the garbage collector is disabled"]
    finally:
        gc.enable()
    assert list(built_in.gc_off()) == []


def test_lines_that_are_logged_twice_are_noticed(capsys):
    parent, child = logging.getLogger("spanwise_lint"), logging.getLogger("spanwise_lint.child")
    handler = logging.StreamHandler()
    parent.addHandler(handler)
    child.addHandler(handler)
    try:
        assert "spanwise_lint.child and spanwise_lint write to the same place" in list(built_in.duplicate_handlers())
        child.propagate = False
        assert not any("spanwise_lint" in issue for issue in built_in.duplicate_handlers())
    finally:
        child.propagate = True
        parent.removeHandler(handler)
        child.removeHandler(handler)


def test_unverified_certificates_are_noticed(monkeypatch):
    monkeypatch.setattr(ssl, "_create_default_https_context", ssl._create_unverified_context)
    assert "ssl's default context is the unverified one" in list(built_in.tls_not_verified())


@pytest.mark.parametrize(("version", "old"), [((3, 8), True), ((3, 9), True), ((3, 99), False)])
def test_an_old_python_is_noticed(monkeypatch, version, old):
    monkeypatch.setattr(built_in.sys, "version_info", (*version, 0))
    assert bool(list(built_in.python_end_of_life())) is old


def test_an_objective_that_counted_nothing_is_named(monkeypatch):
    from spanwise import lint_rules, silence

    monkeypatch.setattr(silence, "silent_objectives", lambda: ["checkout-latency", "counted-elsewhere"])
    monkeypatch.setattr(lint_rules, "_samples", lambda metric, label: [("counted-elsewhere", 3.0)])
    issues = list(lint_rules.never_emitted())
    assert "no event of the SLO checkout-latency was counted" in issues
    assert not any("counted-elsewhere" in issue for issue in issues)


def test_a_call_that_blocked_the_loop_is_named(monkeypatch):
    from spanwise import lint_rules
    from spanwise.diagnosis import blocks
    from spanwise.event_loop import Block

    stack = ("File /app/views.py, line 41, in pay\n    time.sleep(1)",)
    monkeypatch.setattr(blocks, "blocks", lambda: (Block(0.0, stack, 1.0, True), Block(1.0, stack, 1.0, True)))
    [issue] = lint_rules.blocked_loop()
    assert "views.py:41 in pay" in issue and issue.endswith("2 times lately")


def test_many_more_workers_than_processors_are_named(monkeypatch):
    from types import SimpleNamespace

    from spanwise import lint_rules

    current = SimpleNamespace(workers=SimpleNamespace(siblings=lambda: [None] * 20))
    monkeypatch.setattr(lint_rules, "_current", lambda: current)
    monkeypatch.setattr(lint_rules.cgroup, "cpu_limit", lambda: 2.0)
    assert list(lint_rules.more_workers_than_processors()) == ["20 workers share 2 processors"]
    monkeypatch.setattr(lint_rules.cgroup, "cpu_limit", lambda: 8.0)
    assert list(lint_rules.more_workers_than_processors()) == []
