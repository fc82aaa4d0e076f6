"""TLS of a server, from files that are read again when they change: a certificate is renewed without a restart.

A server takes a context for each connection. While a changed file cannot be used, such as between the writing of a
certificate and of its key, the last good ones stay in force.
"""

from __future__ import annotations

import logging
import ssl
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import NamedTuple

from spanwise.admin.certificates import ends_at
from spanwise.settings import SettingError

_log = logging.getLogger("spanwise")

_WARN_BEFORE = timedelta(days=14)
_Stamp = tuple[tuple[int, int, int], ...]


class Named(NamedTuple):
    """How a user names the three files: by flag or by variable."""

    certificate: str
    key: str
    client_ca: str = ""


class TlsFiles:
    """A certificate chain, its key and, where clients must show a certificate, whose. Thread-safe.

    `pems` is what was read of them, in this order.
    """

    def __init__(self, certificate: str | None, key: str | None, client_ca: str | None, named: Named) -> None:
        """Reads them. Raises SettingError: to speak plainly instead would give the tokens away."""
        if certificate is None or key is None:
            missing = named.certificate if certificate is None else named.key
            raise SettingError(f"{missing} is not set: TLS needs both the certificate and its key.")
        # The working directory may change.
        self._certificate, self._key = Path(certificate).expanduser().absolute(), Path(key).expanduser().absolute()
        self._client_ca = Path(client_ca).expanduser().absolute() if client_ca is not None else None
        self._named = named
        self._lock = threading.Lock()
        self._stamp = self._look()
        self._context, self.pems = self._read()

    def context(self) -> ssl.SSLContext:
        """For the next connection."""
        self.refresh()
        return self._context

    def refresh(self) -> None:
        """Reads what has changed."""
        with self._lock:
            stamp = self._look()
            if stamp == self._stamp:
                return
            self._stamp = stamp
            try:
                self._context, self.pems = self._read()
            except SettingError as error:
                _log.warning("spanwise: the certificates stay as they were: %s", error)
            else:
                _log.info("spanwise: the certificate %s is read again", self._certificate)

    def _look(self) -> _Stamp:
        """What tells that a file was changed or replaced."""
        found = []
        for path in (self._certificate, self._key, self._client_ca):
            try:
                stat = path.stat() if path is not None else None
            except OSError:
                stat = None
            found.append((stat.st_mtime_ns, stat.st_size, stat.st_ino) if stat is not None else (0, 0, 0))
        return tuple(found)

    def _read(self) -> tuple[ssl.SSLContext, tuple[bytes, bytes, bytes | None]]:
        """A new context, and the files as gRPC takes them. Raises SettingError."""
        certificate, key = _bytes_of(self._certificate, self._named.certificate), _bytes_of(self._key, self._named.key)
        client_ca = _bytes_of(self._client_ca, self._named.client_ca) if self._client_ca is not None else None
        self._warn_of_end()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            # A passphrase would be asked for on the terminal, and nobody is there.
            context.load_cert_chain(self._certificate, self._key, password=lambda: b"")
        except (OSError, ValueError) as error:
            raise SettingError(self._what_is_wrong(key, error)) from None
        if self._client_ca is not None:
            try:
                context.load_verify_locations(self._client_ca)
            except (OSError, ValueError):
                raise SettingError(f"{self._client_ca} holds no certificate ({self._named.client_ca}).") from None
            context.verify_mode = ssl.CERT_REQUIRED
        return context, (certificate, key, client_ca)

    def _warn_of_end(self) -> None:
        try:
            ends = ends_at(self._certificate)
        except (OSError, ValueError) as error:
            raise SettingError(f"{self._certificate} cannot be used: {error} ({self._named.certificate}).") from None
        left = ends - datetime.now(timezone.utc)
        if left < _WARN_BEFORE:
            _log.warning(
                "spanwise: the certificate %s %s %s; a renewed one is read without a restart",
                self._certificate,
                "has ended: clients that check it refuse to connect since" if left < timedelta() else "ends",
                f"{ends:%Y-%m-%d %H:%M} UTC",
            )

    def _what_is_wrong(self, key: bytes, error: Exception) -> str:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        both = f"{self._named.certificate}, {self._named.key}"
        if reason == "KEY_VALUES_MISMATCH":
            return f"the key {self._key} does not belong to the certificate {self._certificate} ({both})."
        if b"ENCRYPTED" in key:
            return f"{self._key} has a passphrase, and nobody to type it: store it without ({self._named.key})."
        if b"PRIVATE KEY-----" not in key:
            return f"{self._key} holds no private key in PEM ({self._named.key})."
        return f"{self._certificate} with {self._key} cannot be used: {reason} ({both})."


def _bytes_of(path: Path, named: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise SettingError(f"{path} cannot be read: {error.strerror} ({named}).") from None
