"""What customers do: browse, search, buy. A journey is a generator that yields requests and is sent their answers."""

from __future__ import annotations

import random
from collections.abc import Callable, Generator, Mapping
from dataclasses import dataclass, field
from typing import Any

from .catalogue import ALBUMS, GENRES, words


@dataclass(frozen=True, slots=True)
class Request:
    """One request to the gateway."""

    method: str
    path: str
    parameters: Mapping[str, Any] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None


# Yields a request, is sent the JSON of its answer. Whoever gets no good answer leaves the store.
Journey = Generator[Request, Any, None]

CARD = "4242424242424242"


def _some_album(chance: random.Random) -> int:
    """A few albums are asked for often and most of them rarely."""
    return min(ALBUMS, int(chance.paretovariate(0.7)))


def browse(chance: random.Random) -> Journey:
    """Looks through a genre, opens albums of it and follows a recommendation."""
    page = yield Request("GET", "/albums", {"genre": chance.choice(GENRES), "limit": 20})
    shown = [album["album_id"] for album in page["albums"]] or [_some_album(chance)]
    for album_id in chance.sample(shown, min(2, len(shown))):
        yield Request("GET", f"/albums/{album_id}")
    liked = yield Request("GET", f"/recommendations/{album_id}")
    if liked["albums"]:
        yield Request("GET", f"/albums/{liked['albums'][0]['album_id']}")


def search(chance: random.Random) -> Journey:
    """Searches for a word, and opens the first thing that was found."""
    found = yield Request("GET", "/search", {"q": chance.choice(words())})
    if found["albums"]:
        yield Request("GET", f"/albums/{found['albums'][0]['album_id']}")


def buy(chance: random.Random) -> Journey:
    """Opens an album, buys it, looks at the order."""
    album_id = _some_album(chance)
    yield Request("GET", f"/albums/{album_id}")
    order = yield Request(
        "POST", "/orders", body={"album_id": album_id, "quantity": chance.choice((1, 1, 1, 2)), "card": CARD}
    )
    yield Request("GET", f"/orders/{order['order_id']}")


# How often each begins, relative to the others.
MIX: tuple[tuple[str, Callable[[random.Random], Journey], float], ...] = (
    ("browse", browse, 5),
    ("search", search, 3),
    ("buy", buy, 2),
)


def begin(chance: random.Random) -> tuple[str, Journey]:
    """A new customer: the journey's name and the journey."""
    name, journey, _ = chance.choices(MIX, [weight for _, _, weight in MIX])[0]
    return name, journey(chance)
