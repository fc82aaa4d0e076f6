"""Artists, albums and tracks, read from SQLite."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from flask import Blueprint, Response, jsonify, request

import spanwise

from . import catalogue
from .database import Database
from .service import create_app, data_folder, database, refuse, serve, start, whole_number, work

routes = Blueprint("catalog", __name__)
MOST_ALBUMS = 100

searches = spanwise.counter(
    "catalog_searches", unit="{search}", description="Searches, by whether they found anything.", labels=("found",)
)


@routes.get("/albums")
def albums() -> Response:
    work()
    limit = whole_number(request.args.get("limit", 20), "limit", 1, MOST_ALBUMS)
    after = whole_number(request.args.get("after", 0), "after", 0, 2**31)
    found = database().rows("albums", after=after, limit=limit, genre=request.args.get("genre"))
    return jsonify(albums=found, next_after=found[-1]["album_id"] if len(found) == limit else None)


@routes.get("/albums/<int:album_id>")
def album(album_id: int) -> Response:
    work(0.5)
    found = database().row("album", album_id=album_id) if album_id < 2**31 else None
    if found is None:
        refuse(404, f"there is no album {album_id}")
    return jsonify({**found, "tracks": database().rows("tracks", album_id=album_id)})


@routes.get("/search")
def search() -> Response:
    wanted = request.args.get("q", "").strip()
    if not wanted:
        refuse(400, "q is missing: say what to search for, such as /search?q=harbour")
    work(2)
    escaped = wanted.replace("\\", r"\\").replace("%", r"\%").replace("_", r"\_")
    found = database().rows("search", pattern=f"%{escaped}%", limit=20)
    searches.labels("yes" if found else "no").inc()
    return jsonify(albums=found)


def open_database(folder: Path) -> Database:
    """The catalogue in `folder`, made when it is not there: all of it or, after a crash half-way, none."""
    path = folder / "catalog.sqlite3"
    if not path.exists():
        partial = folder / f"catalog.sqlite3.{os.getpid()}"
        _fill(Database(partial, "catalog"))
        partial.rename(path)
    return Database(path, "catalog")


def _fill(empty: Database) -> None:
    empty.create()
    with empty.transaction():
        empty.write_many("add_artist", (asdict(artist) for artist in catalogue.artists()))
        for album in catalogue.albums():
            row = asdict(album)
            tracks = row.pop("tracks")
            empty.write("add_album", **row)
            empty.write_many("add_track", ({"album_id": album.album_id, **track} for track in tracks))
    empty.close()


def main(argv: Sequence[str] | None = None) -> int:
    settings = start("catalog", argv)
    store = open_database(data_folder(settings))
    app = create_app("catalog", routes, settings, database=store)
    spanwise.instrument(app, service="catalog", owner="team-catalog", version="2.7.1")
    spanwise.slo("search-latency", route="/search", latency=0.1, objective=0.95)
    spanwise.readiness("database")(store.check)
    return serve(app, settings)


if __name__ == "__main__":
    sys.exit(main())
