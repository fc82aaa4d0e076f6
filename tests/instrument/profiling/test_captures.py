from __future__ import annotations

from spanwise.profiling.captures import Captures
from spanwise.profiling.profile import CPU, Profile
from spanwise.profiling.stacks import Frame


def profile(stacks: int = 1) -> Profile:
    return Profile("profile", (CPU,), "cpu", {((Frame("f", "f.py", line),), ()): (1,) for line in range(stacks)})


def test_the_newest_are_kept_and_ids_are_never_used_twice() -> None:
    ring = Captures(kept=3)
    ids = [ring.keep(profile()).id for _ in range(5)]
    assert ids == [f"profile-{number}" for number in range(1, 6)]
    assert [capture.id for capture in ring.all()] == ids[:1:-1]
    assert ring.get(ids[0]) is None
    assert ring.get(ids[4]) is ring.all()[0]


def test_large_ones_push_others_out_and_the_largest_are_not_kept() -> None:
    ring = Captures(kept=10, max_stacks=100)
    small = ring.keep(profile(10))
    ring.keep(profile(101))
    assert ring.all() == [small]
    large = ring.keep(profile(95))
    assert ring.all() == [large]
