"""TLS on the collector's ports: HTTP takes a context for each connection, gRPC asks before each of its handshakes."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from spanwise.tls import Named, TlsFiles

if TYPE_CHECKING:
    from spanwise.settings import Settings

_NAMED = Named("--tls-cert", "--tls-key", "--tls-client-ca")


class Tls(TlsFiles):
    """The files, for gRPC too."""

    def __init__(self, certificate: str | None, key: str | None, client_ca: str | None = None) -> None:
        """Reads them. Raises SettingError."""
        super().__init__(certificate, key, client_ca, _NAMED)
        self._told = self.pems

    def grpc_credentials(self) -> Any:
        """Credentials of a gRPC server, which follow the files."""
        import grpc

        return grpc.dynamic_ssl_server_credentials(
            _configuration(self.pems), self._news, require_client_authentication=self.pems[2] is not None
        )

    def _news(self) -> Any:
        """What has changed, or None."""
        self.refresh()
        pems = self.pems
        if pems is self._told:
            return None
        self._told = pems
        return _configuration(pems)


def tls_from(settings: Settings) -> Tls | None:
    """None where no certificate is set. Raises SettingError."""
    files = [settings[f"SPANWISE_COLLECTOR_TLS_{what}"] for what in ("CERT", "KEY", "CLIENT_CA")]
    return Tls(*files) if any(file is not None for file in files) else None


def _configuration(pems: tuple[bytes, bytes, bytes | None]) -> Any:
    import grpc

    certificate, key, client_ca = pems
    return grpc.ssl_server_certificate_configuration([(key, certificate)], root_certificates=client_ca)
