from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwise.admin import wording


@pytest.mark.parametrize(
    ("seconds", "expected"),
    [
        (0, "0 ms"),
        (0.0000123, "0.0123 ms"),
        (0.0042, "4.2 ms"),
        (0.25, "250 ms"),
        (1.5, "1.5 s"),
        (93, "1 min 33 s"),
        (3600, "1 h"),
        (93784, "1 d 2 h"),
        (math.nan, "–"),
    ],
)
def test_durations(seconds, expected):
    assert wording.duration(seconds) == expected


@pytest.mark.parametrize(
    ("number", "expected"),
    [(None, "–"), (0, "0 B"), (999, "999 B"), (51_380_224, "51.4 MB"), (2.5e15, "2,500 TB")],
)
def test_sizes(number, expected):
    assert wording.size(number) == expected


@pytest.mark.parametrize(("part", "expected"), [(0, "0 %"), (0.00001, "< 0.01 %"), (0.0042, "0.42 %"), (1, "100 %")])
def test_shares(part, expected):
    assert wording.share(part) == expected


@given(st.floats(0, 1e12))
def test_every_number_has_words(number):
    texts = (wording.duration(number), wording.size(number), wording.rate(number), wording.count(number))
    assert all(text and "e" not in text for text in texts)  # no exponents
