"""Who may ask what: the tiers, checked before a handler sees the request.

A foreign web page can make a browser on this machine send requests here, by its own address or by a name it makes
resolve to 127.0.0.1 (DNS rebinding). Therefore a loopback peer alone is never enough: the Host must be one of ours, no
proxy may have passed the request on, and what changes something looks at Origin and Sec-Fetch-Site as well - for every
method but GET and HEAD, because lists of dangerous methods forget one.
"""

from __future__ import annotations

import hmac
import logging
from collections.abc import Callable
from dataclasses import replace
from ipaddress import IPv6Address, ip_address
from pathlib import Path
from urllib.parse import urlsplit

from spanwise.admin import sessions
from spanwise.admin.messages import Page, Request, Tier
from spanwise.settings import Settings

_LOCAL_HOSTS = frozenset({"localhost", "127.0.0.1", "::1"})
# Any of these says that the peer we see is not who asks.
_FORWARDING_HEADERS = frozenset({"forwarded", "via", "x-real-ip"})
_FORWARDING_PREFIX = "x-forwarded-"
_SAME_SITE = ("", "same-origin", "none")  # none: typed into the address bar

_CEILINGS: dict[str, tuple[Tier, ...]] = {
    "none": (Tier.OPEN,),
    "read-only": (Tier.OPEN, Tier.SENSITIVE),
    "full": tuple(Tier),
}

_HOW_TO_LOG_IN = (
    "Ask from the service's own machine by http://localhost or http://127.0.0.1 (kubectl port-forward and ssh -L do"
    " that), or send the token of SPANWISE_ADMIN_TOKEN or SPANWISE_ADMIN_TOKEN_FILE:"
    " curl -H 'Authorization: Bearer TOKEN' ...; a browser logs in at /admin/login."
)

_log = logging.getLogger("spanwise")


def allowed_tiers(access: str) -> tuple[Tier, ...]:
    """The tiers that exist at all under a value of SPANWISE_ADMIN_ACCESS."""
    return _CEILINGS[access]


class Guard:
    """Decides by tier; `check` gives the refusal, or None where the request may pass."""

    def __init__(
        self,
        *,
        tokens: Callable[[], tuple[str, ...]] = tuple,
        trust_loopback: bool = True,
        allowed_hosts: tuple[str, ...] = (),
        access: str = "full",
    ) -> None:
        self._tokens = tokens
        self._trust_loopback = trust_loopback
        self._hosts = _LOCAL_HOSTS | {host.lower().strip("[]") for host in allowed_hosts}
        self._access = access

    @classmethod
    def from_settings(cls, settings: Settings) -> Guard:
        token, token_file = settings["SPANWISE_ADMIN_TOKEN"], settings["SPANWISE_ADMIN_TOKEN_FILE"]
        tokens = _Tokens(token, None if token_file is None else Path(token_file))
        tokens()  # says at start when the file cannot be read
        return cls(
            tokens=tokens,
            trust_loopback=settings["SPANWISE_ADMIN_TRUST_LOOPBACK"],
            allowed_hosts=settings["SPANWISE_ADMIN_ALLOWED_HOSTS"] or (),
            access=settings["SPANWISE_ADMIN_ACCESS"],
        )

    def judge(self, request: Request) -> Request:
        """The request with `trusted_by` set."""
        if self._has_token(request):
            return replace(request, trusted_by="token")
        if sessions.is_valid(sessions.cookie_of(request), self._tokens()):
            return replace(request, trusted_by="login")
        return replace(request, trusted_by="this machine" if self._is_local(request) else "")

    @property
    def has_tokens(self) -> bool:
        return bool(self._tokens())

    def token_like(self, offered: str) -> str | None:
        """The valid token that `offered` equals, or None."""
        given = offered.strip().encode("utf-8", "replace")
        # All are compared, each in constant time, so that the time taken tells nothing.
        equal = [token for token in self._tokens() if hmac.compare_digest(given, token.encode())]
        return equal[0] if equal else None

    def refusal(self, tier: Tier, request: Request, *, entrance: bool = False) -> Page | None:
        """Why a judged request may not pass, or None. 401 says how to log in, 403 what is wrong."""
        if tier is Tier.OPEN:
            return None
        if entrance:
            return self._foreign(request)
        if tier not in allowed_tiers(self._access):
            return _forbidden(f"SPANWISE_ADMIN_ACCESS={self._access} closes the {tier.value} tier of this service.")
        if not request.trusted:
            return _unauthorized(self._why_not_trusted(request))
        fetch_site = request.headers.get("sec-fetch-site", "")
        if tier is Tier.SENSITIVE:
            if fetch_site == "cross-site" and request.headers.get("sec-fetch-mode") != "navigate":
                return _forbidden("Another site's page may link here, but not load this.")
            return None
        return self._foreign(request)

    def _foreign(self, request: Request) -> Page | None:
        """Refuses what another site's page may have sent."""
        fetch_site = request.headers.get("sec-fetch-site", "")
        if not self._names_us(request):
            return _forbidden(
                f"The Host {_shown(request.headers.get('host', ''))} is not one of this service's:"
                " use localhost or an IP address, or add the name to SPANWISE_ADMIN_ALLOWED_HOSTS."
            )
        origin = request.headers.get("origin")
        if fetch_site not in _SAME_SITE or (origin is not None and not _same_origin(origin, request)):
            return _forbidden("Another site's page may not change anything here.")
        return None

    def _has_token(self, request: Request) -> bool:
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "bearer" or not given.strip():
            return False
        # Back to the bytes of the header, which are the token's in UTF-8.
        return self.token_like(given.encode("latin-1", "replace").decode("utf-8", "replace")) is not None

    def _is_local(self, request: Request) -> bool:
        return (
            self._trust_loopback
            and request.own_port
            and _is_loopback(request.peer)
            and _host_name(request) in self._hosts
            and not _was_forwarded(request)
        )

    def _names_us(self, request: Request) -> bool:
        """A name that rebinding can point at us is only ours when it is listed; an IP address cannot be rebound."""
        host = _host_name(request)
        return host in self._hosts or _is_address(host)

    def _why_not_trusted(self, request: Request) -> str:
        if "authorization" in request.headers:
            return "The token is wrong." if self._tokens() else "This service has no admin token."
        if not _is_loopback(request.peer) or not request.own_port:
            return "This is for the service's own machine, or with the admin token."
        if not self._trust_loopback:
            return "SPANWISE_ADMIN_TRUST_LOOPBACK=false: requests from this machine need the admin token too."
        if _was_forwarded(request):
            return "A proxy has passed this on, so it needs the admin token."
        return (
            f"The Host {_shown(request.headers.get('host', ''))} is not one of this service's:"
            " use localhost, or add the name to SPANWISE_ADMIN_ALLOWED_HOSTS."
        )


class _Tokens:
    """The valid tokens now: the variable's and the file's, which may be replaced at any time."""

    def __init__(self, token: str | None, file: Path | None) -> None:
        self._token = token
        self._file = file
        self._said = False

    def __call__(self) -> tuple[str, ...]:
        return tuple(token for token in ((self._token or "").strip(), self._from_file()) if token)

    def _from_file(self) -> str:
        if self._file is None:
            return ""
        try:
            token = self._file.read_text(encoding="utf-8").strip()
        except (OSError, UnicodeDecodeError) as error:
            if not self._said:
                reason = error.strerror if isinstance(error, OSError) else "it is not text"
                _log.warning("admin: SPANWISE_ADMIN_TOKEN_FILE=%s cannot be read: %s", self._file, reason)
            self._said = True
            return ""
        self._said = False
        return token


def _unauthorized(why: str) -> Page:
    challenge = (("WWW-Authenticate", 'Bearer realm="spanwise admin"'),)
    return Page("Not without a token", f"{why} {_HOW_TO_LOG_IN}\n", status=401, headers=challenge)


def _forbidden(why: str) -> Page:
    return Page("Not allowed", f"{why}\n", status=403)


def _is_loopback(peer: str) -> bool:
    try:
        address = ip_address(peer)
    except ValueError:
        return False
    if isinstance(address, IPv6Address) and address.ipv4_mapped is not None:
        return address.ipv4_mapped.is_loopback
    return address.is_loopback


def _is_address(host: str) -> bool:
    try:
        ip_address(host)
    except ValueError:
        return False
    return True


def _host_name(request: Request) -> str:
    """The Host header without its port, `[::1]` as `::1`; empty when there is none."""
    try:
        return urlsplit(f"//{request.headers.get('host', '')}").hostname or ""
    except ValueError:
        return ""


def _was_forwarded(request: Request) -> bool:
    return any(name in _FORWARDING_HEADERS or name.startswith(_FORWARDING_PREFIX) for name in request.headers)


def _same_origin(origin: str, request: Request) -> bool:
    try:
        netloc = urlsplit(origin).netloc.lower()
    except ValueError:
        return False
    return netloc != "" and netloc == request.headers.get("host", "").lower()


def _shown(text: str) -> str:
    return repr(text[:80])
