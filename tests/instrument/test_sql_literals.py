"""SQL keeps its shape and loses its values."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwise.sql_literals import without_literals


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("", ""),
        (
            "SELECT a1 FROM t2 WHERE b = $1 AND c = :2 AND d = %s",
            "SELECT a1 FROM t2 WHERE b = $1 AND c = :2 AND d = %s",
        ),
        ("WHERE a = 'x' AND b > 5.2 AND c = -1e9 AND d = 0xFF", "WHERE a = ? AND b > ? AND c = ? AND d = ?"),
        ("WHERE a = 'it''s 5' OR a = E'x' OR a = N'y'", "WHERE a = ? OR a = ? OR a = ?"),
        (
            """SELECT "o'brien", `it's` FROM t -- don't\nWHERE a = 'x'""",
            """SELECT "o'brien", `it's` FROM t \nWHERE a = ?""",
        ),
        ("SELECT /* it's 'x' */ a", "SELECT  a"),
        ("SELECT $$it's$$, $tag$a$$b$tag$", "SELECT ?, ?"),
        ("VALUES (1, 'never closed", "VALUES (?, ?"),
        (r"VALUES ('a\', 'b', 'c')", "VALUES (?"),
        ("LIMIT 10", "LIMIT ?"),
    ],
)
def test_statements(sql: str, expected: str) -> None:
    assert without_literals(sql) == expected


def test_double_quotes_are_names_or_values() -> None:
    assert without_literals('WHERE "a" = 1', "postgresql") == 'WHERE "a" = ?'
    assert without_literals('WHERE a = "b"', "mysql") == "WHERE a = ?"
    assert without_literals(r'WHERE a = "b\" OR "c"', "mysql") == "WHERE a = ?"


@given(st.text(alphabet="ab 1,=()\n", max_size=20), st.text(max_size=40))
def test_a_value_in_quotes_never_shows(before: str, after: str) -> None:
    assert "hunter2" not in without_literals(f"{before} 'hunter2'{after}")


@given(st.text(alphabet="ab 1'\"`-/*$\\\n", max_size=60))
def test_whatever_is_given_something_comes_out(sql: str) -> None:
    assert len(without_literals(sql)) <= len(sql) + 1
