"""The store as a customer meets it: through the gateway, over HTTP, in five processes."""

from __future__ import annotations

from typing import Any

import pytest
import requests

CARD = "4242424242424242"
DECLINED_CARD = "4000000000000002"


def get(store: Any, path: str) -> requests.Response:
    return requests.get(f"{store.url('gateway')}{path}", timeout=5)


def buy(store: Any, body: Any) -> requests.Response:
    return requests.post(f"{store.url('gateway')}/orders", json=body, timeout=5)


def test_albums_are_paged(store: Any) -> None:
    first = get(store, "/albums?limit=3").json()
    second = get(store, f"/albums?limit=3&after={first['next_after']}").json()
    assert [album["album_id"] for album in first["albums"] + second["albums"]] == [1, 2, 3, 4, 5, 6]


def test_an_album_has_its_tracks_in_order(store: Any) -> None:
    album = get(store, "/albums/7").json()
    assert album["album_id"] == 7
    assert [track["position"] for track in album["tracks"]] == list(range(1, len(album["tracks"]) + 1))
    assert len(album["tracks"]) >= 7


def test_search_finds_an_album_by_its_title_and_treats_wildcards_as_text(store: Any) -> None:
    title = get(store, "/albums/7").json()["title"]
    found = requests.get(f"{store.url('gateway')}/search", params={"q": title}, timeout=5).json()["albums"]
    assert any(album["title"] == title for album in found)
    assert requests.get(f"{store.url('gateway')}/search", params={"q": "%"}, timeout=5).json() == {"albums": []}


def test_recommendations_are_other_albums_of_the_same_genre(store: Any) -> None:
    genre = get(store, "/albums/7").json()["genre"]
    answer = get(store, "/recommendations/7").json()
    assert answer["because"] == genre
    assert 1 <= len(answer["albums"]) <= 5
    assert all(album["genre"] == genre and album["album_id"] != 7 for album in answer["albums"])


def test_an_order_is_paid_for_and_kept(store: Any) -> None:
    price = get(store, "/albums/7").json()["price_cents"]
    placed = buy(store, {"album_id": 7, "quantity": 2, "card": CARD})
    assert placed.status_code == 201
    assert placed.json()["amount_cents"] == 2 * price
    order = get(store, f"/orders/{placed.json()['order_id']}").json()
    assert (order["status"], order["album_id"], order["quantity"]) == ("placed", 7, 2)
    assert "card" not in order
    assert get(store, "/orders?limit=1").json()["orders"][0]["order_id"] >= order["order_id"]


def test_a_declined_card_is_402_and_the_order_says_so(store: Any) -> None:
    declined = buy(store, {"album_id": 7, "card": DECLINED_CARD})
    assert declined.status_code == 402
    assert "declined" in declined.json()["error"]
    assert get(store, f"/orders/{declined.json()['order_id']}").json()["status"] == "declined"


def test_the_price_is_the_stores_and_not_the_customers(store: Any) -> None:
    price = get(store, "/albums/7").json()["price_cents"]
    placed = buy(store, {"album_id": 7, "price_cents": 1, "card": CARD})
    assert placed.json()["amount_cents"] == price


@pytest.mark.parametrize(
    ("path", "status", "says"),
    [
        ("/albums/99999", 404, "there is no album 99999"),
        ("/albums/99999999999999999999999", 404, "there is no album"),
        ("/recommendations/99999", 404, "there is no album 99999"),
        ("/orders/99999999", 404, "there is no order"),
        ("/orders/99999999999999999999999", 404, "there is no order"),
        ("/albums?limit=many", 400, "limit must be a whole number"),
        ("/albums?limit=1000", 400, "between 1 and 100"),
        ("/search", 400, "q is missing"),
        ("/nowhere", 404, "not found"),
    ],
)
def test_a_wrong_question_gets_its_status_and_one_line(store: Any, path: str, status: int, says: str) -> None:
    answer = get(store, path)
    assert answer.status_code == status
    assert says in answer.json()["error"]


@pytest.mark.parametrize(
    ("body", "says"),
    [
        ("no object", "must be a JSON object"),
        ({"album_id": "7", "card": CARD}, "album_id"),
        ({"album_id": 7}, "card"),
        ({"album_id": 7, "card": "not a number"}, "card"),
        ({"album_id": 7, "card": CARD, "quantity": 0}, "quantity"),
        ({"album_id": 7, "card": CARD, "quantity": 1.5}, "quantity"),
        ({"album_id": 7, "card": CARD, "quantity": True}, "quantity"),
    ],
)
def test_a_wrong_order_is_400_and_says_what_is_wrong(store: Any, body: Any, says: str) -> None:
    answer = buy(store, body)
    assert answer.status_code == 400, answer.text
    assert says in answer.json()["error"]


def test_a_wrong_method_is_405_in_json(store: Any) -> None:
    answer = requests.delete(f"{store.url('gateway')}/albums", timeout=5)
    assert answer.status_code == 405
    assert answer.json()["error"]


def test_no_answer_of_this_file_left_a_stack_trace(store: Any) -> None:
    get(store, "/albums/99999")
    buy(store, {"album_id": 7, "card": "not a number"})
    for name in store.ports:
        assert "Traceback" not in store.log(name)
