from __future__ import annotations

import subprocess
from datetime import datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spanwise import lint_rules
from spanwise.admin.certificates import _not_after, ends_at


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A certificate of `days` from now."""
    folder = tmp_path_factory.mktemp("certificates")

    def make(days: int):
        file = folder / f"{days}.pem"
        command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-subj", "/CN=localhost"]
        more = ["-days", str(days), "-out", file, "-keyout", folder / "key.pem"]
        subprocess.run([*command, *more], check=True, capture_output=True, timeout=60)
        return file

    return make


@pytest.mark.parametrize("days", [3, 400, 20_000])
def test_the_end_is_what_was_asked_for(made, days):
    """Until 2049 years have two digits, after that four."""
    left = ends_at(made(days)) - datetime.now(timezone.utc)
    assert abs(left - timedelta(days=days)) < timedelta(minutes=10)


def test_what_is_no_certificate_says_so(tmp_path):
    file = tmp_path / "x.pem"
    file.write_text("nothing")
    with pytest.raises(ValueError, match="no certificate"):
        ends_at(file)
    with pytest.raises(OSError):
        ends_at(tmp_path / "none.pem")


@given(der=st.binary(max_size=60))
def test_any_bytes_are_read_or_refused(der):
    try:
        _not_after(der)
    except (IndexError, ValueError):
        return


@pytest.mark.parametrize(("days", "issues"), [(3, 1), (400, 0)])
def test_lint_says_it_in_time(made, monkeypatch, days, issues):
    monkeypatch.setattr(lint_rules, "_setting", lambda variable: str(made(days)))
    assert len(list(lint_rules.certificate_ends())) == issues
