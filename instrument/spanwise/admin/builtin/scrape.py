"""What Prometheus scrapes."""

from __future__ import annotations

import zlib
from collections.abc import Iterable, Iterator

from spanwise import exposition, last_metrics
from spanwise.admin.messages import Request, Response, Tier
from spanwise.admin.routes import route

# Level 1: a scrape shrinks to about a tenth, at a fifth of the processor time of the usual level 6.
_GZIP_LEVEL = 1
_GZIP = 16 + zlib.MAX_WBITS


@route(
    "/metrics",
    title="Prometheus metrics",
    group="Metrics",
    tier=Tier.OPEN,
    parameters=("identity=target",),
    example="/metrics?identity=target",
)
def metrics(request: Request) -> Response:
    """All metrics as Prometheus text, or as OpenMetrics with exemplars where `Accept` asks for it.

    With `identity=target` the lines come without the identity labels, for discovery that sets them on the target.
    """
    last_metrics.note_request(request.headers)
    openmetrics = "application/openmetrics-text" in request.headers.get("accept", "")
    process = request.process
    identity = () if request.query.get("identity") == ["target"] else process.identity_labels
    slices = exposition.render(process.registry, openmetrics=openmetrics, identity=identity)
    headers: tuple[tuple[str, str], ...] = (("Vary", "Accept, Accept-Encoding"),)
    if _accepts_gzip(request.headers.get("accept-encoding", "")):
        slices = _gzipped(slices)
        headers += (("Content-Encoding", "gzip"),)
    content_type = exposition.OPENMETRICS_CONTENT_TYPE if openmetrics else exposition.TEXT_CONTENT_TYPE
    return Response(headers=headers, body=b"".join(slices), content_type=content_type)


@route(
    "/admin/prometheus_metrics",
    title="Prometheus (alias)",
    group="Metrics",
    tier=Tier.OPEN,
    parameters=("identity=target",),
    example="/admin/prometheus_metrics?identity=target",
)
def prometheus_metrics(request: Request) -> Response:
    """The same as `/metrics`, under twitter-server's name for it."""
    return metrics(request)


def _accepts_gzip(accept_encoding: str) -> bool:
    for offer in accept_encoding.lower().split(","):
        coding, _, weight = offer.partition(";")
        if coding.strip() == "gzip":
            return weight.replace(" ", "").rstrip("0") not in ("q=", "q=0.")
    return False


def _gzipped(slices: Iterable[bytes]) -> Iterator[bytes]:
    compressor = zlib.compressobj(_GZIP_LEVEL, zlib.DEFLATED, _GZIP)
    for piece in slices:
        yield compressor.compress(piece)
    yield compressor.flush()
