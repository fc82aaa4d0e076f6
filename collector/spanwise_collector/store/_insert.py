"""Raw OTLP bytes into the landing table; the views do the rest."""

from __future__ import annotations

from typing import Any

from spanwise_collector.store._otlp_schema import otlp_schema

LANDING = "otlp"
_FORMAT = "ProtobufSingle"

# ClickHouse error codes (src/Common/ErrorCodes.cpp) that say the bytes are not what the format wants. Whatever else
# goes wrong may go right later.
_REFUSALS = frozenset(
    {
        6,  # CANNOT_PARSE_TEXT
        9,  # SIZES_OF_COLUMNS_DOESNT_MATCH
        26,  # CANNOT_PARSE_QUOTED_STRING
        27,  # CANNOT_PARSE_INPUT_ASSERTION_FAILED
        32,  # ATTEMPT_TO_READ_AFTER_EOF
        33,  # CANNOT_READ_ALL_DATA
        69,  # ARGUMENT_OUT_OF_BOUND
        70,  # CANNOT_CONVERT_TYPE
        72,  # CANNOT_PARSE_NUMBER
        117,  # INCORRECT_DATA
        131,  # TOO_LARGE_STRING_SIZE
        349,  # CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN
        407,  # DECIMAL_OVERFLOW
        444,  # UNKNOWN_PROTOBUF_FORMAT
        434,  # PROTOBUF_BAD_CAST
        435,  # PROTOBUF_FIELD_NOT_REPEATED
        436,  # DATA_TYPE_CANNOT_BE_PROMOTED
        691,  # UNKNOWN_ELEMENT_OF_ENUM
    }
)
_made = 0


def inserts_made() -> int:
    """How many this process has made: what was read of the store at another number may be out of date."""
    return _made


class RefusedError(Exception):
    """The store will not take these bytes, however often they come. The message is the engine's, on one line."""


def insert(client: Any, payload: bytes | memoryview, token: str) -> None:
    """Stores the spans of one (joined) OTLP request; what was stored under the same token before is not stored again.

    Returns when all tables have them, on disk. Raises RefusedError; any other error may pass with time.
    """
    settings = {
        "format_schema_source": "string",
        "format_schema": otlp_schema(),
        "format_schema_message_name": "Request",
        "insert_deduplicate": 1,
        "insert_deduplication_token": token,
        "deduplicate_blocks_in_dependent_materialized_views": 1,
        # Merges index what they write: a part fresh from an insert is small enough to be looked through.
        "materialize_skip_indexes_on_insert": 0,
        # Days of spans in one batch are bounded by the retention, which may be longer than the engine's 100.
        "max_partitions_per_insert_block": 0,
    }
    try:
        client.raw_insert(LANDING, insert_block=payload, fmt=_FORMAT, settings=settings)
    except Exception as error:
        if getattr(error, "code", None) in _REFUSALS:
            raise RefusedError(" ".join(str(error).split())[:500]) from error
        raise
    global _made
    _made += 1
