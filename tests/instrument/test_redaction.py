"""No secret of a URL is recorded: not in the user information, not in the query, not in an exception that quotes it."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwise.redaction import MAX_URL_CHARACTERS, Redaction

PLAIN = Redaction()
MORE = Redaction(["Token", "api.key", ""])


@pytest.mark.parametrize(
    ("query", "expected"),
    [
        ("", ""),
        ("flag", "flag"),
        ("a=1&b=2", "a=1&b=2"),
        ("sig=abc", "sig=REDACTED"),
        ("a=1&Signature=abc&b=2", "a=1&Signature=REDACTED&b=2"),
        ("AWSAccessKeyId=x&X-Goog-Signature=y", "AWSAccessKeyId=REDACTED&X-Goog-Signature=REDACTED"),
        ("sig=a=b=c", "sig=REDACTED"),
        ("sig=a&sig=b", "sig=REDACTED&sig=REDACTED"),
        ("sig", "sig"),
        ("design=1", "design=1"),
        ("s%69g=abc", "s%69g=REDACTED"),
        ("+sig=abc", "+sig=abc"),
    ],
)
def test_queries(query: str, expected: str) -> None:
    assert PLAIN.query(query) == expected


def test_further_parameters() -> None:
    assert MORE.query("TOKEN=x&api.key=y&sig=z&apixkey=1") == "TOKEN=REDACTED&api.key=REDACTED&sig=REDACTED&apixkey=1"


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("http://h/p", "http://h/p"),
        ("https://user:pw@h:8/p?sig=abc#f", "https://REDACTED:REDACTED@h:8/p?sig=REDACTED"),
        ("https://token@h/p", "https://REDACTED@h/p"),
        ("https://a:b@c@h/p", "https://REDACTED:REDACTED@h/p"),
        ("https://h/p@x?y=a@b", "https://h/p@x?y=a@b"),
        ("https://h?sig=abc", "https://h?sig=REDACTED"),
        ("/relative?sig=abc", "/relative?sig=REDACTED"),
        ("http://user:pw@h", "http://REDACTED:REDACTED@h"),
        ("", ""),
    ],
)
def test_urls(url: str, expected: str) -> None:
    assert PLAIN.url(url) == expected


def test_long_ones_are_cut_and_not_before_they_are_redacted() -> None:
    secret = "s" * 5000
    assert secret[:100] not in PLAIN.url(f"http://h/?sig={secret}")
    assert secret[:100] not in PLAIN.url(f"http://{secret}:{secret}@h/")
    assert len(PLAIN.url("http://h/" + "x" * 5000)) == MAX_URL_CHARACTERS
    assert len(PLAIN.query("a=" + "x" * 5000)) == MAX_URL_CHARACTERS


def test_texts_that_quote_urls() -> None:
    text = "GET https://user:pw@h/p?a=1&sig=abc failed ('/p?sig=abc'), see http://other/"
    assert PLAIN.text(text) == (
        "GET https://REDACTED@h/p?a=1&sig=REDACTED failed ('/p?sig=REDACTED'), see http://other/"
    )
    assert PLAIN.text("nothing here") == "nothing here"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("password=SECRET x", "password=REDACTED x"),
        ("db_password = SECRET", "db_password = REDACTED"),
        ("{'password': 'SECRET', 'a': 1}", "{'password': REDACTED, 'a': 1}"),
        ('{"api_key":b"SEC\\"RET"}', '{"api_key":REDACTED}'),
        ("Authorization: Bearer SECRET.x", "Authorization: REDACTED"),
        ("{'Authorization': 'Basic SECRET'}", "{'Authorization': REDACTED}"),
        ("Set-Cookie: a=1; session=SECRET\nnext", "Set-Cookie: REDACTED\nnext"),
        ("Bearer SECRETSECRET", "Bearer REDACTED"),
        ("host=h password='SECRET x' user=u", "host=h password=REDACTED user=u"),
        ("postgres://u:SEC@RET@h/db", "postgres://REDACTED@h/db"),
        ("DETAIL:  Key (email)=(SECRET) already exists.", "DETAIL:  Key (email)=(REDACTED) already exists."),
        ("Failing row contains (1, SECRET).", "Failing row contains (REDACTED)."),
        ("Duplicate entry 'SECRET' for key 'x'", "Duplicate entry 'REDACTED' for key 'x'"),
        ('invalid input syntax for type integer: "SECRET"', 'invalid input syntax for type integer: "REDACTED"'),
        ("[SQL: INSERT INTO u VALUES (?, 'SECRET')]\n[parameters: ('SECRET', [1])]\n(Background on this error at: x)",
         "[SQL: INSERT INTO u VALUES (?, ?)]\n[parameters: REDACTED]\n(Background on this error at: x)"),
        ("unexpected token: foo; 5 tokens = 5 words", "unexpected token: foo; 5 tokens = 5 words"),
    ],
)  # fmt: skip
def test_prose(text: str, expected: str) -> None:
    assert PLAIN.text(text) == expected


def test_a_long_text_takes_no_time_to_speak_of() -> None:
    for piece in (
        "a_",
        "password",
        "token=' ",
        "Key (",
        "[SQL: ",
        "://",
        "invalid input ",
        "bearer ",
        "authorization: a ",
    ):
        PLAIN.text(piece * 5_000)


def test_attributes() -> None:
    untouched = {"http.route": "/x"}
    assert PLAIN.attributes(untouched) is untouched
    given = {"url.full": "http://u:p@h/?sig=1", "http.target": "/?sig=1", "url.query": "sig=1", "http.url": 5, "n": 1}
    assert PLAIN.attributes(given) == {
        "url.full": "http://REDACTED:REDACTED@h/?sig=REDACTED",
        "http.target": "/?sig=REDACTED",
        "url.query": "sig=REDACTED",
        "http.url": 5,
        "n": 1,
    }
    assert given["url.query"] == "sig=1"


def test_sql_and_addresses_that_others_put_on_spans() -> None:
    given = {"db.system": "mysql", "db.statement": 'SELECT "a"', "db.connection_string": "mysql://u:p@h/d", "n": "a@b"}
    assert PLAIN.attributes(given) == {
        "db.system": "mysql",
        "db.statement": "SELECT ?",
        "db.connection_string": "mysql://REDACTED@h/d",
        "n": "a@b",
    }


def test_exceptions() -> None:
    given = {"exception.message": "http://u:p@h/?sig=1", "exception.stacktrace": "x?sig=1", "exception.type": "E"}
    assert PLAIN.event(given) == {
        "exception.message": "http://REDACTED@h/?sig=REDACTED",
        "exception.stacktrace": "x?sig=REDACTED",
        "exception.type": "E",
    }


@given(st.text(max_size=30), st.text(max_size=30))
def test_no_text_makes_it_fail_or_shows_the_secret(before: str, after: str) -> None:
    secret = "hunter2hunter2"
    for text in (f"{before}?{after}&sig={secret}", f"sig={secret}&{after}"):
        if "#" not in text:
            assert secret not in PLAIN.query(text.rpartition("?")[2])
    PLAIN.url(before + after)
    PLAIN.text(before + after)
