"""Lint of a running process: small rules that find what is set up in a way that will hurt later.

A rule is a function that gives the issues it finds, as sentences; libraries add their own:

    @spanwise.lint_rule("pool-size", category="Configuration", name="Small connection pool")
    def small_pool():
        '''A pool smaller than the number of threads makes requests wait.'''
        if POOL.size < THREADS:
            yield f"the pool has {POOL.size} connections for {THREADS} threads"

Every rule runs in a thread of its own for a second at most; one that raises or hangs is an issue of its own.
"""

from __future__ import annotations

import re
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TypeVar

RULE_TIMEOUT_S = 1.0
_MOST_ISSUES = 20
_MAX_ISSUE = 300
_ID = re.compile(r"[a-z0-9-]{1,60}")

Check = Callable[[], Iterable[str] | None]
_C = TypeVar("_C", bound=Check)


@dataclass(frozen=True, slots=True)
class Rule:
    category: str
    id: str
    name: str
    description: str
    check: Check


@dataclass(frozen=True, slots=True)
class Finding:
    """What one rule came to; no issues: it holds."""

    rule: Rule
    issues: tuple[str, ...]


_lock = threading.Lock()
_rules: dict[str, Rule] = {}


def lint_rule(id: str, *, category: str, name: str) -> Callable[[_C], _C]:
    """Registers a rule; its description is the function's docstring. A later rule replaces one of the same id.

    Raises ValueError for an id that is not lower-case letters, digits and hyphens, or without a docstring.
    """
    if not _ID.fullmatch(id):
        raise ValueError(f"lint rule {id!r}: an id is lower-case letters, digits and hyphens, such as pool-size.")

    def register(check: _C) -> _C:
        description = " ".join((check.__doc__ or "").split())
        if not description:
            raise ValueError(f"lint rule {id!r} needs a docstring that says why it matters.")
        with _lock:
            _rules[id] = Rule(category, id, name, description, check)
        return check

    return register


def rules() -> list[Rule]:
    """By category and name."""
    with _lock:
        return sorted(_rules.values(), key=lambda rule: (rule.category, rule.name))


def run(some: Iterable[Rule] | None = None, timeout_s: float = RULE_TIMEOUT_S) -> list[Finding]:
    """What every rule finds, in the order of `rules`; takes `timeout_s` and a little at most."""
    runs = [_Run(rule) for rule in (rules() if some is None else some)]
    ends = time.monotonic() + timeout_s
    for each in runs:
        each.start()
    return [each.finding(max(0.0, ends - time.monotonic()), timeout_s) for each in runs]


class _Run:
    def __init__(self, rule: Rule) -> None:
        self._rule = rule
        self._issues: tuple[str, ...] | None = None
        self._thread = threading.Thread(target=self._check, name=f"spanwise-lint-{rule.id}", daemon=True)

    def start(self) -> None:
        try:
            self._thread.start()
        except RuntimeError:
            self._issues = ("could not be checked: no more threads are to be had",)

    def finding(self, wait_s: float, timeout_s: float) -> Finding:
        if self._issues is None:
            self._thread.join(wait_s)
        issues = self._issues
        return Finding(self._rule, (f"the rule took longer than {timeout_s:g} s",) if issues is None else issues)

    def _check(self) -> None:
        found: list[str] = []
        try:
            for issue in self._rule.check() or ():
                found.append(str(issue)[:_MAX_ISSUE])
                if len(found) == _MOST_ISSUES:
                    break
        except BaseException as error:
            # Its message may hold anything; the class says enough to whoever wrote the rule.
            found.append(f"the rule itself failed: {type(error).__name__}")
        self._issues = tuple(found)
