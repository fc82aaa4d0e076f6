"""Tokens from the environment or a file."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from spanwise_collector.http import Tokens, digest


def test_without_any_no_token_is_asked_for() -> None:
    assert not Tokens(None, None)
    assert not Tokens("  ", None)


def test_a_token_is_compared_whole() -> None:
    tokens = Tokens("secret", None)
    assert tokens
    assert tokens.accepts("secret")
    assert not any(tokens.accepts(wrong) for wrong in ("", "secre", "secret2", "SECRET", "sécret"))


def test_a_file_rotates_without_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text("old\n\n  new  \n")
    tokens = Tokens(None, path)
    assert tokens.accepts("old")
    assert tokens.accepts("new")
    path.write_text("newest\n")
    os.utime(path, (1, 1))
    assert tokens.accepts("newest")
    assert not tokens.accepts("old")
    path.unlink()
    assert tokens.accepts("newest"), "the tokens before stay when the file cannot be read"
    assert tokens


def test_an_empty_file_is_an_error(tmp_path: Path) -> None:
    path = tmp_path / "tokens"
    path.write_text("\n")
    with pytest.raises(ValueError, match="no token"):
        Tokens(None, path)


def test_a_digest_is_not_the_token() -> None:
    assert digest("") == ""
    assert "secret" not in digest("secret")
    assert digest("secret") == digest("secret") != digest("other")
