"""What else a listener may like: albums of the same genre, the closest in time first."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from flask import Blueprint, Response, jsonify

import spanwise

from .service import create_app, pass_on, peer, serve, start, work

routes = Blueprint("recommendations", __name__)
SHOWN = 5
CONSIDERED = 60


@routes.get("/recommendations/<int:album_id>")
def like(album_id: int) -> tuple[Response, int]:
    liked = peer("catalog").get(f"/albums/{album_id}")
    if liked.status != 200:
        return pass_on(liked)
    alike = peer("catalog").get("/albums", {"genre": liked.body["genre"], "limit": CONSIDERED})
    if alike.status != 200:
        return pass_on(alike)
    work()
    others = [album for album in alike.body["albums"] if album["album_id"] != album_id]
    others.sort(key=lambda album: abs(album["year"] - liked.body["year"]))
    return jsonify(album_id=album_id, because=liked.body["genre"], albums=others[:SHOWN]), 200


def main(argv: Sequence[str] | None = None) -> int:
    settings = start("recommendations", argv)
    app = create_app("recommendations", routes, settings, peers=("catalog",))
    spanwise.instrument(app, service="recommendations", owner="team-discovery", version="0.8.2")
    spanwise.slo("recommendation-latency", route="/recommendations/<int:album_id>", latency=0.1, objective=0.95)
    return serve(app, settings)


if __name__ == "__main__":
    sys.exit(main())
