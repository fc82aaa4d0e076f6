from __future__ import annotations

import json

import pytest

from spanwise.profiling.formats import amount, collapsed, speedscope, text, tree
from spanwise.profiling.profile import CPU, SAMPLES, Profile
from spanwise.profiling.stacks import Frame

MAIN, HOT, COLD = Frame("main", "app.py", 1), Frame("hot", "app.py", 5), Frame("co;ld", "app.py", 9)
HOT_TOO = Frame("hot", "app.py", 6)
PROFILE = Profile(
    "profile",
    (SAMPLES, CPU),
    "cpu",
    {
        ((HOT, MAIN), (("thread", "a"),)): (5, 500_000_000),
        ((HOT, MAIN), (("thread", "b"),)): (1, 100_000_000),
        ((HOT_TOO, MAIN), ()): (1, 100_000_000),
        ((COLD, MAIN), ()): (3, 300_000_000),
        ((MAIN,), ()): (9, 0),
    },
    duration_ns=1_000_000_000,
    comments=("10 samples, 0 missed",),
)
CPU_INDEX = PROFILE.index("cpu")


def test_collapsed_is_root_first_and_one_line_a_stack() -> None:
    assert collapsed(PROFILE, CPU_INDEX).splitlines() == [
        "main (app.py:1);co:ld (app.py:9) 300000000",
        "main (app.py:1);hot (app.py:5) 600000000",
        "main (app.py:1);hot (app.py:6) 100000000",
    ]


def test_speedscope() -> None:
    document = json.loads(speedscope(PROFILE, CPU_INDEX))
    (profile,) = document["profiles"]
    assert document["$schema"] == "https://www.speedscope.app/file-format-schema.json"
    assert profile["type"] == "sampled"
    assert profile["unit"] == "nanoseconds"
    assert profile["endValue"] == sum(profile["weights"]) == 1_000_000_000
    names = [frame["name"] for frame in document["shared"]["frames"]]
    assert {tuple(names[number] for number in sample) for sample in profile["samples"]} == {
        ("main", "hot"),
        ("main", "co;ld"),
    }


def test_text_ranks_by_own_time() -> None:
    lines = text(PROFILE, CPU_INDEX).splitlines()
    assert lines[0] == "cpu: 1.00 s over 1.0 s"
    assert lines[1] == "10 samples, 0 missed"
    assert [line.split()[-2] for line in lines[3:]] == ["hot", "co;ld", "main"]
    assert lines[3].split()[:5] == ["700.0", "ms", "70.0%", "700.0", "ms"]
    assert "100.0%" in lines[5]


def test_recursion_counts_once() -> None:
    profile = Profile("p", (CPU,), "cpu", {((HOT, HOT, MAIN), ()): (100,)})
    assert "100.0%" in text(profile, 0).splitlines()[2]
    assert "200.0%" not in text(profile, 0)


def test_an_empty_profile() -> None:
    empty = Profile("p", (CPU,), "cpu", {})
    assert collapsed(empty, 0) == ""
    assert text(empty, 0).startswith("cpu: 0.0 ms")
    assert tree(empty, 0)["root"] == [0, 0, 0, []]
    assert json.loads(speedscope(empty, 0))["profiles"][0]["samples"] == []


def test_tree_merges_lines_of_one_function() -> None:
    drawn = tree(PROFILE, CPU_INDEX)
    assert drawn["total"] == 1_000_000_000
    assert drawn["base_total"] is None
    (main,) = drawn["root"][3]
    assert drawn["frames"][main[0]][0] == "main"
    assert [(drawn["frames"][child[0]][0], child[1]) for child in main[3]] == [
        ("co;ld", 300_000_000),
        ("hot", 700_000_000),
    ]


def test_tree_of_a_difference_has_both_sides() -> None:
    base = Profile("profile", (SAMPLES, CPU), "cpu", {((COLD, MAIN), ()): (1, 900_000_000)})
    drawn = tree(PROFILE, CPU_INDEX, base)
    assert drawn["base_total"] == 900_000_000
    (main,) = drawn["root"][3]
    assert {drawn["frames"][child[0]][0]: child[1:3] for child in main[3]} == {
        "co;ld": [300_000_000, 900_000_000],
        "hot": [700_000_000, 0],
    }


def test_what_is_too_thin_is_left_to_its_parent() -> None:
    profile = Profile("p", (CPU,), "cpu", {((HOT, MAIN), ()): (1_000_000,), ((COLD, MAIN), ()): (1,)})
    (main,) = tree(profile, 0)["root"][3]
    assert main[1] == 1_000_001
    assert len(main[3]) == 1


@pytest.mark.parametrize(
    ("value", "unit", "shown"),
    [
        (1_500_000_000, "nanoseconds", "1.50 s"),
        (2_500_000, "nanoseconds", "2.5 ms"),
        (12, "bytes", "12 B"),
        (-2_000, "bytes", "-2.0 kB"),
        (3_100_000, "bytes", "3.1 MB"),
        (1234, "count", "1,234"),
    ],
)
def test_amounts(value: int, unit: str, shown: str) -> None:
    assert amount(value, unit) == shown


def test_a_type_that_it_does_not_have() -> None:
    with pytest.raises(KeyError):
        PROFILE.index("inuse_space")
