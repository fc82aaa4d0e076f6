"""TLS for the admin port, from the files that the settings name."""

from __future__ import annotations

import ssl

from spanwise.settings import SettingError, Settings

_CERTIFICATE, _KEY = "SPANWISE_ADMIN_TLS_CERT_FILE", "SPANWISE_ADMIN_TLS_KEY_FILE"


def tls_context(settings: Settings) -> ssl.SSLContext | None:
    """None where no certificate is set. Raises SettingError: speaking plainly instead would betray the token."""
    certificate, key = settings[_CERTIFICATE], settings[_KEY]
    if certificate is None and key is None:
        return None
    if certificate is None or key is None:
        missing = _KEY if key is None else _CERTIFICATE
        raise SettingError(f"{missing} is not set: TLS on the admin port needs both the certificate and its key.")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    try:
        # A passphrase would be asked for on the terminal, and nobody is there.
        context.load_cert_chain(certificate, key, password=lambda: b"")
    except (OSError, ValueError) as error:
        reason = getattr(error, "strerror", None) or getattr(error, "reason", None) or error
        raise SettingError(f"{_CERTIFICATE}={certificate} with {_KEY}={key} cannot be used: {reason}.") from None
    return context
