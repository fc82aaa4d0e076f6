"""Charges cards; declines some of them, as real ones do."""

from __future__ import annotations

import random
import sys
import uuid
from collections.abc import Sequence

from flask import Blueprint, Response, jsonify

import spanwise

from .service import create_app, json_body, refuse, serve, setting, start, whole_number, work

routes = Blueprint("payments", __name__)
MOST_CENTS = 1_000_000_000
# Ends the number of a card that is always declined, so that the case can be tried.
DECLINED_ENDING = "0002"

charges_settled = spanwise.counter(
    "payments_charges", unit="{charge}", description="Charges, by their outcome.", labels=("outcome",)
)


@routes.post("/charges")
def charge() -> tuple[Response, int]:
    body = json_body()
    amount_cents = whole_number(body.get("amount_cents"), "amount_cents", 1, MOST_CENTS)
    card = body.get("card")
    if not isinstance(card, str) or not card.isdigit() or not 12 <= len(card) <= 19:
        refuse(400, "card must be a card number of 12 to 19 digits, as text")
    work()
    if card.endswith(DECLINED_ENDING) or random.random() < setting("SAMPLES_DECLINE_RATE"):
        charges_settled.labels("declined").inc()
        refuse(402, "the card was declined; try another one")
    charges_settled.labels("accepted").inc()
    return jsonify(charge_id=str(uuid.uuid4()), status="accepted", amount_cents=amount_cents), 201


def main(argv: Sequence[str] | None = None) -> int:
    settings = start("payments", argv)
    app = create_app("payments", routes, settings)
    spanwise.instrument(app, service="payments", owner="team-checkout", version="1.9.4")
    spanwise.slo("availability", objective=0.99)
    return serve(app, settings)


if __name__ == "__main__":
    sys.exit(main())
