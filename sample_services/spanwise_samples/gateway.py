"""The store's front door: passes each request on to the service that knows, and puts an order together."""

from __future__ import annotations

import sys
from collections.abc import Sequence

from flask import Blueprint, Response, request

import spanwise

from .service import create_app, json_body, pass_on, peer, refuse, serve, start, work

routes = Blueprint("gateway", __name__)
Reply = tuple[Response, int]


@routes.get("/albums")
def albums() -> Reply:
    work()
    return pass_on(peer("catalog").get("/albums", request.args))


@routes.get("/albums/<int:album_id>")
def album(album_id: int) -> Reply:
    work()
    return pass_on(peer("catalog").get(f"/albums/{album_id}"))


@routes.get("/search")
def search() -> Reply:
    work()
    return pass_on(peer("catalog").get("/search", request.args))


@routes.get("/recommendations/<int:album_id>")
def recommendations(album_id: int) -> Reply:
    work()
    return pass_on(peer("recommendations").get(f"/recommendations/{album_id}"))


@routes.get("/orders")
def orders() -> Reply:
    work()
    return pass_on(peer("orders").get("/orders", request.args))


@routes.get("/orders/<int:order_id>")
def order(order_id: int) -> Reply:
    work()
    return pass_on(peer("orders").get(f"/orders/{order_id}"))


@routes.post("/orders")
def buy() -> Reply:
    """`{"album_id": 7, "quantity": 1, "card": "4242..."}`: the price comes from catalog, never from the customer."""
    wanted = json_body()
    if not isinstance(wanted.get("album_id"), int):
        refuse(400, "album_id must be a whole number")
    work()
    found = peer("catalog").get(f"/albums/{wanted['album_id']}")
    if found.status != 200:
        return pass_on(found)
    return pass_on(
        peer("orders").post(
            "/orders",
            {
                "album_id": wanted["album_id"],
                "title": found.body["title"],
                "price_cents": found.body["price_cents"],
                "quantity": wanted.get("quantity", 1),
                "card": wanted.get("card"),
            },
        )
    )


def main(argv: Sequence[str] | None = None) -> int:
    settings = start("gateway", argv)
    app = create_app("gateway", routes, settings, peers=("catalog", "orders", "recommendations"))
    spanwise.instrument(app, service="gateway", owner="team-storefront", version="3.2.0")
    spanwise.slo("availability", objective=0.99)
    return serve(app, settings)


if __name__ == "__main__":
    sys.exit(main())
