from __future__ import annotations

import random
from collections import Counter
from typing import Any

import pytest

from spanwise_samples.journeys import MIX, Journey, begin, browse, buy, search

PAGE = {"albums": [{"album_id": 3}, {"album_id": 9}]}


def steps(journey: Journey, answers: list[Any]) -> list[tuple[str, str]]:
    """Method and path of each request, when the store answers so."""
    taken = []
    answer = None
    remaining = iter(answers)
    try:
        while True:
            request = journey.send(answer)
            taken.append((request.method, request.path))
            answer = next(remaining)
    except StopIteration:
        return taken


def test_browsing_follows_what_is_shown() -> None:
    taken = steps(browse(random.Random(1)), [PAGE, {}, {}, {"albums": [{"album_id": 44}]}, {}])
    assert taken[0] == ("GET", "/albums")
    assert {path for _, path in taken[1:3]} == {"/albums/3", "/albums/9"}
    assert taken[3][1].startswith("/recommendations/")
    assert taken[4] == ("GET", "/albums/44")


def test_searching_opens_the_first_thing_found_and_ends_without_one() -> None:
    assert steps(search(random.Random(1)), [PAGE, {}]) == [("GET", "/search"), ("GET", "/albums/3")]
    assert steps(search(random.Random(1)), [{"albums": []}, {}]) == [("GET", "/search")]


def test_buying_looks_at_the_order_afterwards() -> None:
    taken = steps(buy(random.Random(1)), [{}, {"order_id": 12}, {}])
    assert [method for method, _ in taken] == ["GET", "POST", "GET"]
    assert taken[2] == ("GET", "/orders/12")


def test_the_mix_is_kept() -> None:
    chance = random.Random(1)
    begun = Counter(begin(chance)[0] for _ in range(5_000))
    total = sum(weight for _, _, weight in MIX)
    for name, _, weight in MIX:
        assert begun[name] / 5_000 == pytest.approx(weight / total, abs=0.03)
