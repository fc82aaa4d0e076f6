from __future__ import annotations

import hashlib
import json
import os
import subprocess
import sys
from dataclasses import asdict

from spanwise_samples import catalogue

DIGEST = """
import hashlib, json
from dataclasses import asdict
from spanwise_samples.catalogue import albums, artists
made = [[asdict(artist) for artist in artists()], [asdict(album) for album in albums()]]
print(hashlib.sha256(json.dumps(made).encode()).hexdigest())
"""


def test_the_catalogue_is_the_same_in_every_process() -> None:
    here = [[asdict(artist) for artist in catalogue.artists()], [asdict(album) for album in catalogue.albums()]]
    digest = hashlib.sha256(json.dumps(here).encode()).hexdigest()
    environment = {**os.environ, "PYTHONHASHSEED": "7"}
    there = subprocess.run((sys.executable, "-c", DIGEST), env=environment, capture_output=True, text=True, check=True)
    assert there.stdout.strip() == digest


def test_albums_have_ids_from_1_an_artist_that_exists_and_tracks() -> None:
    artists = {artist.artist_id for artist in catalogue.artists()}
    albums = list(catalogue.albums())
    assert [album.album_id for album in albums] == list(range(1, catalogue.ALBUMS + 1))
    assert len({artist.name for artist in catalogue.artists()}) == catalogue.ARTISTS
    for album in albums:
        assert album.artist_id in artists
        assert album.genre in catalogue.GENRES
        assert 7 <= len(album.tracks) <= 13


def test_every_genre_has_albums_to_browse_and_words_are_found() -> None:
    albums = list(catalogue.albums())
    assert {album.genre for album in albums} == set(catalogue.GENRES)
    titles = " ".join(album.title for album in albums)
    assert sum(word in titles for word in catalogue.words()) > len(catalogue.words()) / 2
