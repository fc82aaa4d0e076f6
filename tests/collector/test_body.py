"""Reading bodies under a limit."""

from __future__ import annotations

import gzip
import io
import zlib

import pytest

from spanwise_collector.intake import InFlight, OverloadedError
from spanwise_collector.intake._body import BadEncodingError, TooLargeError, read_gzip, read_plain
from spanwise_collector.intake._in_flight import Share

LIMIT = 100_000


@pytest.fixture
def share() -> Share:
    return InFlight(10 * LIMIT).share()


def inflate(data: bytes, share: Share, limit: int = LIMIT) -> bytes:
    return read_gzip(io.BytesIO(data), len(data), limit, share)


@pytest.mark.parametrize("data", [b"", b"x", bytes(LIMIT)])
def test_gzip_comes_out_as_it_went_in(data: bytes, share: Share) -> None:
    assert inflate(gzip.compress(data), share) == data


def test_several_members_are_one_body(share: Share) -> None:
    assert inflate(gzip.compress(b"one") + gzip.compress(b"two"), share) == b"onetwo"


def test_a_bomb_is_stopped_at_the_limit(share: Share) -> None:
    bomb = gzip.compress(bytes(50 * LIMIT))
    assert len(bomb) < LIMIT
    with pytest.raises(TooLargeError):
        inflate(bomb, share)


def test_a_body_beyond_the_limit_is_not_read(share: Share) -> None:
    stream = io.BytesIO(bytes(LIMIT + 1))
    with pytest.raises(TooLargeError):
        read_plain(stream, LIMIT + 1, LIMIT, share)
    assert stream.tell() == 0


@pytest.mark.parametrize(
    "bad", [b"not gzip", gzip.compress(b"cut short" * 100)[:-12], zlib.compress(b"zlib, not gzip"), b"\x1f\x8b"]
)
def test_what_is_not_gzip_is_said(bad: bytes, share: Share) -> None:
    with pytest.raises(BadEncodingError):
        inflate(bad, share)


def test_trailing_garbage_is_said(share: Share) -> None:
    with pytest.raises(BadEncodingError):
        inflate(gzip.compress(b"fine") + b"garbage", share)


def test_a_body_shorter_than_promised_is_said(share: Share) -> None:
    with pytest.raises(BadEncodingError, match="Content-Length"):
        read_plain(io.BytesIO(b"abc"), 10, LIMIT, share)


def test_bytes_in_flight_are_bounded_over_all_requests() -> None:
    in_flight = InFlight(1000)
    with in_flight.share() as first:
        first.grow_to(900)
        with in_flight.share() as second, pytest.raises(OverloadedError, match="SPANWISE_COLLECTOR_MAX_IN_FLIGHT"):
            second.grow_to(200)
        with in_flight.share() as third:
            third.grow_to(100)
    with in_flight.share() as alone:
        alone.grow_to(5000)  # a request alone always fits


def test_an_inflating_body_counts_as_it_grows() -> None:
    in_flight = InFlight(600_000)
    with in_flight.share() as other:
        other.grow_to(100)
        with in_flight.share() as share, pytest.raises(OverloadedError):
            inflate(gzip.compress(bytes(2_000_000)), share, limit=10**7)
