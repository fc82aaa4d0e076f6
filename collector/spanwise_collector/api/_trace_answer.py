"""The answer that is one trace. However large it is, only some thousand spans of it are in memory as objects.

Its text goes to a temporary file once it is longer than some MB: so the query is over before the first byte is sent,
a slow reader holds no turn at the store, and a fault on the way is still an error, not half an answer.
"""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Iterator
from typing import IO

from flask import Response, request

from spanwise_collector.api._endpoint import json_of, queries
from spanwise_collector.api._parameters import Given
from spanwise_collector.query import Analysis, TraceReader

_IN_MEMORY_BYTES = 4 * 2**20
_CHUNK_BYTES = 2**16


def trace_answer(traces: TraceReader, trace_id: str, given: Given) -> Response | None:
    """None when there is no such trace. Its ETag is of everything but the queries, which differ each time."""
    body: IO[bytes] = tempfile.SpooledTemporaryFile(max_size=_IN_MEMORY_BYTES)  # noqa: SIM115 - closed by the response
    writer = _Writer(body)
    analysis = Analysis() if given["analysis"] else None
    writer.write(b'{"trace_id":"%s","spans":[' % trace_id.encode())
    span_count = 0
    for spans in traces.blocks(trace_id):
        for span in spans:
            writer.write((b"," if span_count else b"") + json_of(span))
            span_count += 1
            if analysis is not None:
                analysis.add(span)
    if not span_count:
        body.close()
        return None
    writer.write(b"]")
    if analysis is not None:
        writer.write(b',"analysis":' + json_of(analysis.result()))
    etag = writer.digest.hexdigest()[:32]
    writer.write(b',"queries":' + json_of(queries(given)) + b"}")
    return _response(body, writer.size, etag)


class _Writer:
    def __init__(self, body: IO[bytes]) -> None:
        self._body = body
        self.size = 0
        self.digest = hashlib.sha256()

    def write(self, data: bytes) -> None:
        self._body.write(data)
        self.digest.update(data)
        self.size += len(data)


def _response(body: IO[bytes], size: int, etag: str) -> Response:
    body.seek(0)
    if size <= _IN_MEMORY_BYTES:
        with body:
            response = Response(body.read(), mimetype="application/json")
    else:
        response = Response(_chunks(body), mimetype="application/json")
        response.content_length = size
        response.call_on_close(body.close)
    response.set_etag(etag, weak=True)
    response.headers["Cache-Control"] = "no-cache"
    response.make_conditional(request.environ)
    return response


def _chunks(body: IO[bytes]) -> Iterator[bytes]:
    while chunk := body.read(_CHUNK_BYTES):
        yield chunk
