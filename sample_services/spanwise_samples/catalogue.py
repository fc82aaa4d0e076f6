"""The records the store sells: made up, and the same on every machine, because the seed is fixed."""

from __future__ import annotations

import random
from collections.abc import Iterator
from dataclasses import dataclass

SEED = 1959
ARTISTS = 90
ALBUMS = 360

_FIRST = (
    "Velvet", "Midnight", "Copper", "Northern", "Paper", "Silver", "Hollow", "Electric", "Golden", "Broken", "Distant",
    "Crimson", "Quiet", "Wooden", "Neon", "Salt", "Winter", "Magnetic", "Amber", "Lunar",
)  # fmt: skip
_SECOND = (
    "Harbour", "Lanterns", "Foxes", "Cathedral", "Radio", "Rivers", "Orchard", "Engines", "Gardens", "Pilots",
    "Mirrors", "Sparrows", "Avenue", "Machines", "Tides", "Wolves", "Satellites", "Parade", "Ravens", "Telegraph",
)  # fmt: skip
_GIVEN = ("Ada", "Bruno", "Celia", "Dmitri", "Esther", "Felix", "Greta", "Hugo", "Imani", "Jonas", "Keiko", "Lionel")
_FAMILY = ("Marlowe", "Okafor", "Lindqvist", "Varga", "Castellan", "Brightwater", "Ito", "Delacroix", "Hale", "Novak")
_BAND_FORMS = ("The {first} {second}", "{first} {second}", "{given} {family}", "{given} {family} Quartet", "{second}")
_TITLE_FORMS = (
    "{first} {second}", "Songs for {second}", "The {first} Hour", "Letters from the {second}", "{first}",
    "After the {second}", "Nothing but {second}", "{first} & {first2}", "Live at the {second}", "How to Build {second}",
)  # fmt: skip
_TRACK_FORMS = (
    "{first} {second}", "Where the {second} Go", "{first} Again", "No More {second}", "Dear {given}", "{given} Says",
    "Half the {second}", "{first} Weather", "Waiting on {second}", "{second}, Pt. {part}",
)  # fmt: skip
GENRES = ("ambient", "blues", "classical", "electronic", "folk", "hip hop", "jazz", "rock", "soul")


@dataclass(frozen=True, slots=True)
class Artist:
    artist_id: int
    name: str


@dataclass(frozen=True, slots=True)
class Track:
    position: int
    title: str
    seconds: int


@dataclass(frozen=True, slots=True)
class Album:
    album_id: int
    artist_id: int
    title: str
    genre: str
    year: int
    price_cents: int
    tracks: tuple[Track, ...]


def _phrase(chance: random.Random, forms: tuple[str, ...]) -> str:
    first, first2 = chance.sample(_FIRST, 2)
    return chance.choice(forms).format(
        first=first,
        first2=first2,
        second=chance.choice(_SECOND),
        given=chance.choice(_GIVEN),
        family=chance.choice(_FAMILY),
        part=chance.randint(1, 3),
    )


def _tracks(chance: random.Random) -> tuple[Track, ...]:
    return tuple(
        Track(position, _phrase(chance, _TRACK_FORMS), chance.randint(95, 480))
        for position in range(1, chance.randint(7, 13) + 1)
    )


def artists() -> list[Artist]:
    chance = random.Random(SEED)
    names: list[str] = []
    while len(names) < ARTISTS:
        name = _phrase(chance, _BAND_FORMS)
        if name not in names:
            names.append(name)
    return [Artist(number, name) for number, name in enumerate(names, start=1)]


def albums() -> Iterator[Album]:
    """Ids run from 1 to `ALBUMS`; an artist keeps to one genre."""
    chance = random.Random(SEED + 1)
    genre_of = {artist_id: chance.choice(GENRES) for artist_id in range(1, ARTISTS + 1)}
    for album_id in range(1, ALBUMS + 1):
        artist_id = chance.randint(1, ARTISTS)
        yield Album(
            album_id,
            artist_id,
            _phrase(chance, _TITLE_FORMS),
            genre_of[artist_id],
            chance.randint(1958, 2026),
            chance.choice((799, 999, 1199, 1499, 1899, 2499)),
            _tracks(chance),
        )


def words() -> tuple[str, ...]:
    """What people search for: words that occur in the catalogue."""
    return _FIRST + _SECOND + _GIVEN + _FAMILY
