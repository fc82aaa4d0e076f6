"""What the index over the keys and values of span attributes can tell (`store/schema/0025_spans_attribute_values.sql`).

It has a hash of each key with its value's text, so numbers are looked for in every text that an equal number may have.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

from spanwise_collector.query._condition import Binder, Condition, every

# No whole number below this shares its double with another.
_EXACT_IN_DOUBLES = 2**53


def has_key(binder: Binder, key: str) -> str:
    """That a span has an attribute of this key: keys are a tenth of what values are, and most spans lack most keys."""
    return binder.piece("has_key", key=binder.bind(key, "String")).sql


def may_have_value(binder: Binder, key: str, value: str | int | float | bool) -> str:
    """That a span has an attribute of this key, in a block of spans of which one may have this value under it.

    A value of one text is looked for too, whatever its key.

    True of every span whose attribute equals the value, as filters and TraceQL compare: a whole number also equals a
    double. Blocks that have not been indexed are looked through.
    """
    texts = list(_texts(binder, value))
    if not texts:
        return has_key(binder, key)
    bound = binder.bind(key, "String")
    hashes = ", ".join(binder.piece("hash_of_value", key=bound, text=text).sql for text in texts)
    in_block = binder.piece("may_have_value", key=bound, hashes=hashes)
    if len(texts) > 1:
        return in_block.sql  # to look for each of them costs more than to look through the attributes
    return every((in_block, binder.piece("has_text", text=texts[0]))).sql


def tag_is(binder: Binder, key: str, value: str) -> Condition:
    """A span attribute of this key whose text is this, whatever its type."""
    found = binder.piece("attribute_is", key=binder.bind(key, "String"), value=binder.bind(value, "String"))
    return replace(found, needed=may_have_value(binder, key, value))


def _texts(binder: Binder, value: str | int | float | bool) -> Iterator[str]:
    """Each text that the store has for an equal value, bound; none when there are too many."""
    if isinstance(value, bool):
        yield binder.bind(str(value).lower(), "String")
    elif isinstance(value, str):
        yield binder.bind(value, "String")
    elif isinstance(value, int) or value.is_integer():
        if isinstance(value, float) and abs(value) >= _EXACT_IN_DOUBLES:
            return  # many whole numbers are this double
        whole = binder.bind(int(value), "Int64")
        yield binder.piece("text_of", value=whole).sql
        yield binder.piece("text_of_double", value=whole).sql
        if not value:
            yield binder.bind("-0", "String")
    else:
        yield binder.piece("text_of", value=binder.bind(value, "Float64")).sql
