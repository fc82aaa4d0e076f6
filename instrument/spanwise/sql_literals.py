"""SQL text without its literals and comments, which is what may be recorded of it.

    SELECT * FROM users WHERE email = 'ada@example.org' AND age > 36  ->  ... WHERE email = ? AND age > ?

Not a parser: it errs on the side of hiding too much. (OpenTelemetry's semantic conventions for databases, "Sanitization
of db.query.text".)
"""

from __future__ import annotations

import re

# In the order in which they are tried: what begins first decides what a quote within it means.
_PARTS = re.compile(
    r"""(?P<comment> --[^\n]* | /\*.*?(?:\*/|\Z))
      | (?P<double> "(?:[^"] | "")*(?:"|\Z))
      | (?P<name> `[^`]*(?:`|\Z))
      | \$(?P<tag>\w*)\$.*?(?:\$(?P=tag)\$ | \Z)
      | (?:\b[ENBX] | \bU&)?'(?:[^'] | '')*(?:'|\Z)
      | (?<![\w$:%@?.])[+-]?(?:0x[0-9a-f]+ | [0-9]+(?:\.[0-9]*)?(?:e[+-]?[0-9]+)?)(?!\w)""",
    re.IGNORECASE | re.DOTALL | re.VERBOSE,
)
# Where text in double quotes is a value and not a name.
_DOUBLE_QUOTED_VALUES = frozenset({"mysql", "mariadb", "bigquery", "gcp.bigquery", "hive", "spark"})


def without_literals(sql: str, system: str = "") -> str:
    """`system`: the `db.system.name`, which tells what double quotes mean."""
    if "\\'" in sql:  # ends the literal in one dialect and not in another: nothing after its beginning is sure
        sql = sql[: sql.index("'") + 1]
    if '\\"' in sql:
        sql = sql[: sql.index('"') + 1]
    values = system in _DOUBLE_QUOTED_VALUES

    def put(part: re.Match[str]) -> str:
        kind = part.lastgroup
        if kind == "comment":
            return ""
        return part[0] if kind == "name" or (kind == "double" and not values) else "?"

    return _PARTS.sub(put, sql).rstrip() if sql else sql
