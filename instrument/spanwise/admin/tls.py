"""TLS for the admin port, from the files that the settings name."""

from __future__ import annotations

from spanwise.settings import Settings
from spanwise.tls import Named, TlsFiles

_NAMED = Named("SPANWISE_ADMIN_TLS_CERT_FILE", "SPANWISE_ADMIN_TLS_KEY_FILE")


def tls_files(settings: Settings) -> TlsFiles | None:
    """None where no certificate is set. Raises SettingError: speaking plainly instead would betray the token."""
    certificate, key = settings[_NAMED.certificate], settings[_NAMED.key]
    if certificate is None and key is None:
        return None
    return TlsFiles(certificate, key, None, _NAMED)
