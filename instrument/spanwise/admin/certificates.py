"""When a certificate ends, read from its file: the standard library tells it only of a peer's.

A certificate is DER (X.690): SEQUENCE { tbsCertificate SEQUENCE { [0] version?, serial, algorithm, issuer,
validity SEQUENCE { notBefore, notAfter }, ... }, ... } (RFC 5280, section 4.1).
"""

from __future__ import annotations

import re
import ssl
from datetime import datetime, timezone
from pathlib import Path

_PEM = re.compile(r"-----BEGIN CERTIFICATE-----.+?-----END CERTIFICATE-----", re.DOTALL)
_VERSION, _UTC_TIME = 0xA0, 0x17


def ends_at(path: str | Path) -> datetime:
    """Of the first certificate of a PEM file, which is the server's own. Raises OSError, and ValueError for no such."""
    match = _PEM.search(Path(path).read_text(encoding="ascii", errors="replace"))
    if match is None:
        raise ValueError("it holds no certificate")
    try:
        return _not_after(ssl.PEM_cert_to_DER_cert(match[0]))
    except IndexError:
        raise ValueError("its certificate breaks off") from None


def _not_after(der: bytes) -> datetime:
    _, start, _ = _element(der, 0)
    _, at, _ = _element(der, start)
    kind, _, end = _element(der, at)
    if kind == _VERSION:
        at = end
    for _ in range(3):  # serial, algorithm, issuer
        at = _element(der, at)[2]
    _, at, _ = _element(der, at)
    at = _element(der, at)[2]  # notBefore
    kind, start, end = _element(der, at)
    text = der[start:end].decode("ascii", "replace")
    # Two digits of a year are those of 1950 to 2049.
    year = text[:2] if kind == _UTC_TIME else text[:4]
    full = int(year) if len(year) == 4 else int(year) + (1900 if int(year) >= 50 else 2000)
    return datetime.strptime(f"{full:04}{text[len(year) :]}", "%Y%m%d%H%M%SZ").replace(tzinfo=timezone.utc)


def _element(der: bytes, at: int) -> tuple[int, int, int]:
    """Kind, begin and end of the content of the element at `at`. Raises IndexError where it breaks off."""
    size, start = der[at + 1], at + 2
    if size & 0x80:
        count = size & 0x7F
        size, start = int.from_bytes(der[start : start + count], "big"), start + count
    if start + size > len(der):
        raise IndexError(at)
    return der[at], start, start + size
