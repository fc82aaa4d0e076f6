"""The words of a filter's text, each with the column at which it begins."""

from __future__ import annotations

import re
from dataclasses import dataclass
from enum import Enum

from spanwise_collector.query._search import BadSearchError

MAX_LENGTH = 8192

_TOKEN = re.compile(
    r"""
    \s*(?:
        (?P<quoted>"(?:[^"\\]|\\.)*")
      | (?P<operator><=|>=|!=|=~|!~|==|[=<>])
      | (?P<join>&&|\|\||!|\(|\))
      | (?P<duration>\d+(?:\.\d+)?(?:ns|us|µs|ms|s|m|h)(?![\w.]))
      | (?P<number>[-+]?\d+(?:\.\d+)?(?:[eE][-+]?\d+)?(?![\w.]))
      | (?P<word>[A-Za-z_](?:[\w./:@-]|"(?:[^"\\]|\\.)*")*)
    )
    """,
    re.VERBOSE | re.ASCII | re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.)", re.DOTALL)
_ESCAPED = {"n": "\n", "t": "\t", "r": "\r"}


class TokenKind(Enum):
    QUOTED = "quoted"
    OPERATOR = "operator"
    JOIN = "join"
    DURATION = "duration"
    NUMBER = "number"
    WORD = "word"
    END = "end"


@dataclass(frozen=True, slots=True)
class Token:
    """`column` counts from 1; `text` of QUOTED is still as it was written."""

    kind: TokenKind
    text: str
    column: int


def tokens(text: str) -> list[Token]:
    """The last one is END. Raises BadSearchError."""
    if len(text) > MAX_LENGTH:
        raise BadSearchError(f"filter has {len(text)} characters; at most {MAX_LENGTH} are allowed")
    found: list[Token] = []
    at = 0
    while at < len(text.rstrip()):
        match = _TOKEN.match(text, at)
        if match is None or match.lastgroup is None:
            rest = text[at:].lstrip()
            column = len(text) - len(rest) + 1
            if rest.startswith('"'):
                raise BadSearchError(f'filter, column {column}: this text has no closing "')
            raise BadSearchError(f"filter, column {column}: {rest[:20]!r} is not understood; texts go in double quotes")
        group = match.lastgroup
        found.append(Token(TokenKind(group), match.group(group), match.start(group) + 1))
        at = match.end()
    found.append(Token(TokenKind.END, "the end", len(text) + 1))
    return found


def unquoted(written: str) -> str:
    r"""What a text in double quotes says: `\"`, `\\`, `\n`, `\t` and `\r`; before any other character `\` stays."""
    return _ESCAPE.sub(_unescape, written[1:-1])


def _unescape(match: re.Match[str]) -> str:
    character = match.group(1)
    return character if character in '"\\' else _ESCAPED.get(character, match.group(0))
