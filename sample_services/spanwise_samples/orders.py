"""Takes orders: writes each to SQLite, has it paid by payments, and keeps what became of it."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from datetime import datetime, timezone
from typing import Any

from flask import Blueprint, Response, jsonify, request

import spanwise

from .database import Database
from .peers import PeerDown
from .service import (
    create_app,
    data_folder,
    database,
    json_body,
    peer,
    refuse,
    serve,
    start,
    whole_number,
    work,
)

routes = Blueprint("orders", __name__)
MOST_COPIES = 20
MOST_CENTS = 10_000_000

orders_placed = spanwise.counter("orders_placed", unit="{order}", description="Orders paid for.", better="higher")
orders_lost = spanwise.counter(
    "orders_lost",
    unit="{order}",
    description="Orders that came to nothing, by what became of them.",
    labels=("status",),
    better="lower",
)


@routes.get("/orders")
def newest() -> Response:
    work(0.5)
    limit = whole_number(request.args.get("limit", 20), "limit", 1, 100)
    return jsonify(orders=database().rows("newest", limit=limit))


@routes.get("/orders/<int:order_id>")
def order(order_id: int) -> Response:
    work(0.5)
    found = database().row("order", order_id=order_id) if order_id < 2**63 else None
    if found is None:
        refuse(404, f"there is no order {order_id}")
    return jsonify(found)


@routes.post("/orders")
def place() -> tuple[Response, int]:
    wanted = _checked(json_body())
    work()
    card = wanted.pop("card")
    order_id = database().write("add_order", **wanted, placed_at=datetime.now(timezone.utc).isoformat())
    try:
        charge = peer("payments").post(
            "/charges", {"order_id": order_id, "amount_cents": wanted["amount_cents"], "card": card}
        )
    except PeerDown:
        _lost(order_id, "failed")
        raise
    if charge.status != 201:
        _lost(order_id, "declined")
        return jsonify(order_id=order_id, status="declined", error=charge.body["error"]), charge.status
    database().write("set_status", order_id=order_id, status="placed")
    orders_placed.inc()
    return jsonify(order_id=order_id, status="placed", amount_cents=wanted["amount_cents"]), 201


def _checked(body: dict[str, Any]) -> dict[str, Any]:
    album_id = whole_number(body.get("album_id"), "album_id", 1, 2**31)
    quantity = whole_number(body.get("quantity", 1), "quantity", 1, MOST_COPIES)
    price_cents = whole_number(body.get("price_cents"), "price_cents", 1, MOST_CENTS)
    if not isinstance(body.get("title"), str) or not isinstance(body.get("card"), str):
        refuse(400, "title and card must be given, as text")
    return {
        "album_id": album_id,
        "title": body["title"],
        "quantity": quantity,
        "amount_cents": price_cents * quantity,
        "card": body["card"],
    }


def _lost(order_id: int, status: str) -> None:
    database().write("set_status", order_id=order_id, status=status)
    orders_lost.labels(status).inc()


def main(argv: Sequence[str] | None = None) -> int:
    settings = start("orders", argv)
    store = Database(data_folder(settings) / "orders.sqlite3", "orders")
    store.create()
    app = create_app("orders", routes, settings, peers=("payments",), database=store)
    spanwise.instrument(app, service="orders", owner="team-checkout", version="5.0.3")
    spanwise.slo("checkout-latency", route="/orders", latency=0.25, objective=0.99)
    spanwise.readiness("database")(store.check)
    return serve(app, settings)


if __name__ == "__main__":
    sys.exit(main())
