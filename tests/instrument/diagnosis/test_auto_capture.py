from __future__ import annotations

import time

import pytest

from spanwise.admin.settings import ADMIN_SETTINGS
from spanwise.diagnosis.auto_capture import AutoCapture, Signs
from spanwise.diagnosis.capture_rules import CaptureRule, parse_rules
from spanwise.event_loop import Block, loop_watch
from spanwise.profiling.captures import CAPTURES
from spanwise.profiling.profile import SAMPLES, Profile
from spanwise.settings import SettingError, resolve


def test_rules_are_read() -> None:
    found = parse_rules("cpu > 0.9 for 30s, loop_block>500ms, memory > 1GB,")
    assert [(each.sign, each.limit, each.lasting_s) for each in found] == [
        ("cpu", 0.9, 30.0),
        ("loop_block", 0.5, 0.0),
        ("memory", 1e9, 0.0),
    ]


@pytest.mark.parametrize("text", ["cpu", "cpu < 1", "heat > 3", "cpu > x", "cpu > -1", "cpu > nan", "gc > 1 for ever"])
def test_what_is_no_rule_is_an_error_at_start(text: str) -> None:
    with pytest.raises(SettingError, match=r"SPANWISE_ADMIN_CAPTURE_WHEN=.* is not a list of SIGN > LIMIT"):
        resolve(ADMIN_SETTINGS, {}, environ={"SPANWISE_ADMIN_CAPTURE_WHEN": text})


class Taker:
    def __init__(self) -> None:
        self.asked: list[str] = []

    def __call__(self, rule: CaptureRule) -> Profile:
        self.asked.append(rule.text)
        return Profile("profile", (SAMPLES,), "samples", {}, comments=("3 samples",))


def look(captures: AutoCapture, cpu: float, now: float) -> None:
    for thread in captures.look({"cpu": cpu}, now):
        thread.join(20)


def test_a_sign_must_last_and_a_dip_begins_anew() -> None:
    taker = Taker()
    captures = AutoCapture(parse_rules("cpu > 0.9 for 30s"), taker)
    for now, cpu in ((0.0, 1.0), (20.0, 1.0), (25.0, 0.5), (30.0, 1.0), (55.0, 1.0)):
        look(captures, cpu, now)
    assert taker.asked == []
    look(captures, 1.0, 60.0)
    assert taker.asked == ["cpu > 0.9 for 30s"]
    assert CAPTURES.all()[0].profile.comments == ("taken because of cpu > 0.9 for 30s", "3 samples")


def test_only_so_many_an_hour() -> None:
    taker = Taker()
    captures = AutoCapture(parse_rules("cpu > 0.9"), taker)
    for now in range(0, 3600, 60):
        look(captures, 1.0, float(now))
    assert len(taker.asked) == 2
    look(captures, 1.0, 3600.0)
    assert len(taker.asked) == 3


def test_signs_of_this_process() -> None:
    signs = Signs()
    watch = loop_watch()
    watch.blocks.append(Block(time.time(), (), 0.7, over=True))
    try:
        total = 0
        while signs.now()["cpu"] <= 0.0:
            total += sum(range(1000))
        found = signs.now()
    finally:
        watch.blocks.clear()
    assert set(found) == {"cpu", "in_flight", "loop_block", "gc", "memory"}
    assert found["loop_block"] == 0.7
    assert found["memory"] > 1e6
