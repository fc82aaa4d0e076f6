"""TLS for the collector's ports, from files that are read again when they change: certificates renew without a restart.

HTTP takes a context for each connection (`Tls.context`), gRPC asks before each handshake (`Tls.grpc_credentials`).
While a changed file cannot be used, such as between the writing of a certificate and of its key, the last good ones
stay in force.
"""

from __future__ import annotations

import logging
import ssl
import threading
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TYPE_CHECKING, Any

from spanwise.admin.certificates import ends_at

if TYPE_CHECKING:
    from spanwise.settings import Settings

log = logging.getLogger(__name__)

_CERTIFICATE, _KEY, _CLIENT_CA = (f"SPANWISE_COLLECTOR_TLS_{what}" for what in ("CERT", "KEY", "CLIENT_CA"))
_WARN_BEFORE = timedelta(days=14)
_Stamp = tuple[tuple[int, int, int], ...]


class TlsError(Exception):
    """The files cannot be used: one line that names the file, what is wrong with it, and its flag."""


class Tls:
    """A certificate chain, its key and, where clients must show a certificate, whose. Thread-safe."""

    def __init__(self, certificate: Path, key: Path, client_ca: Path | None = None) -> None:
        """Reads them. Raises TlsError."""
        self._certificate, self._key, self._client_ca = certificate, key, client_ca
        self._lock = threading.Lock()
        self._stamp = self._look()
        self._context, self._pems = self._read()
        self._told_grpc = self._pems

    def context(self) -> ssl.SSLContext:
        """For the next connection."""
        self._refresh()
        return self._context

    def grpc_credentials(self) -> Any:
        """Credentials of a gRPC server, which follow the files."""
        import grpc

        return grpc.dynamic_ssl_server_credentials(
            _grpc_configuration(self._pems), self._grpc_news, require_client_authentication=self._client_ca is not None
        )

    def _grpc_news(self) -> Any:
        """Before each handshake: what has changed, or None."""
        self._refresh()
        with self._lock:
            if self._pems is self._told_grpc:
                return None
            self._told_grpc = self._pems
            return _grpc_configuration(self._pems)

    def _refresh(self) -> None:
        with self._lock:
            stamp = self._look()
            if stamp == self._stamp:
                return
            self._stamp = stamp
            try:
                self._context, self._pems = self._read()
            except TlsError as error:
                log.warning("the certificates stay as they were: %s", error)
            else:
                log.info("the certificate %s is read again", self._certificate)

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
        """A new context, and the files as gRPC takes them. Raises TlsError."""
        certificate, key = _bytes_of(self._certificate, "--tls-cert"), _bytes_of(self._key, "--tls-key")
        client_ca = _bytes_of(self._client_ca, "--tls-client-ca") if self._client_ca is not None else None
        self._warn_of_end()
        context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
        context.minimum_version = ssl.TLSVersion.TLSv1_2
        context.set_alpn_protocols(["http/1.1"])
        try:
            # A passphrase would be asked for on the terminal, and nobody is there.
            context.load_cert_chain(self._certificate, self._key, password=lambda: b"")
        except (OSError, ValueError) as error:
            raise TlsError(self._what_is_wrong(key, error)) from None
        if self._client_ca is not None:
            try:
                context.load_verify_locations(self._client_ca)
            except (OSError, ValueError):
                raise TlsError(f"{self._client_ca} holds no certificate in PEM (--tls-client-ca)") from None
            context.verify_mode = ssl.CERT_REQUIRED
        return context, (certificate, key, client_ca)

    def _warn_of_end(self) -> None:
        try:
            ends = ends_at(self._certificate)
        except (OSError, ValueError) as error:
            raise TlsError(f"{self._certificate} cannot be used: {error} (--tls-cert)") from None
        left = ends - datetime.now(timezone.utc)
        if left < _WARN_BEFORE:
            log.warning(
                "the certificate %s %s %s; a renewed one is read without a restart",
                self._certificate,
                "has ended: clients that check it refuse to connect since" if left < timedelta() else "ends",
                f"{ends:%Y-%m-%d %H:%M} UTC",
            )

    def _what_is_wrong(self, key: bytes, error: Exception) -> str:
        reason = getattr(error, "reason", None) or getattr(error, "strerror", None) or str(error)
        if reason == "KEY_VALUES_MISMATCH":
            return f"the key {self._key} does not belong to the certificate {self._certificate} (--tls-key, --tls-cert)"
        if b"ENCRYPTED" in key:
            return f"the key {self._key} has a passphrase, and nobody is there to type it: store it without (--tls-key)"
        if b"PRIVATE KEY-----" not in key:
            return f"{self._key} holds no private key in PEM (--tls-key)"
        return f"{self._certificate} with {self._key} cannot be used: {reason} (--tls-cert, --tls-key)"


def tls_from(settings: Settings) -> Tls | None:
    """None where no certificate is set. Raises TlsError: to speak plainly instead would give the tokens away."""
    certificate, key, client_ca = (settings[name] for name in (_CERTIFICATE, _KEY, _CLIENT_CA))
    if certificate is None and key is None and client_ca is None:
        return None
    for name, value in ((_CERTIFICATE, certificate), (_KEY, key)):
        if value is None:
            raise TlsError(f"{name} is not set: TLS needs both a certificate and its key (--tls-cert, --tls-key)")
    return Tls(_path(certificate), _path(key), _path(client_ca) if client_ca is not None else None)


def _path(given: str) -> Path:
    # The embedded engine changes the working directory.
    return Path(given).expanduser().absolute()


def _bytes_of(path: Path, flag: str) -> bytes:
    try:
        return path.read_bytes()
    except OSError as error:
        raise TlsError(f"{path} cannot be read: {error.strerror} ({flag})") from None


def _grpc_configuration(pems: tuple[bytes, bytes, bytes | None]) -> Any:
    import grpc

    certificate, key, client_ca = pems
    return grpc.ssl_server_certificate_configuration([(key, certificate)], root_certificates=client_ca)
