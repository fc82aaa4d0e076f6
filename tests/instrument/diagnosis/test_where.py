from __future__ import annotations

import json
import threading

import pytest

from spanwise.diagnosis.where import called_from, culprit, is_application, place, short, source
from spanwise.profiling.stacks import Frame

OWN = Frame("pay", __file__, 3)
STANDARD = Frame("loads", json.__file__, 299)
OUTER = Frame("main", __file__, 9)


def test_what_belongs_to_the_service() -> None:
    assert is_application(__file__)
    assert not is_application(json.__file__)
    assert not is_application(pytest.__file__)
    assert not is_application("<frozen importlib._bootstrap>")
    from spanwise import health

    assert not is_application(health.__file__)


def test_the_culprit_is_the_services_innermost_line() -> None:
    assert culprit((STANDARD, OWN, OUTER)) == OWN
    assert called_from((STANDARD, OWN, OUTER)) == "loads"
    assert called_from((OWN, OUTER)) == ""
    assert culprit((STANDARD,)) == STANDARD
    assert culprit(()) is None
    assert called_from(()) == ""


def test_places_and_lines() -> None:
    assert place(STANDARD) == "json/__init__.py:299 in loads"
    assert short("/nowhere/else.py") == "/nowhere/else.py"
    assert source(Frame("f", __file__, 1)) == "from __future__ import annotations"
    assert source(Frame("f", "/nowhere.py", 1)) == ""
    assert short(threading.__file__) == "threading.py"
