"""What the admin server can be told: rows of the library's one settings table."""

from __future__ import annotations

from spanwise.diagnosis.capture_rules import CAPTURE_RULES
from spanwise.settings import DURATION, FLAG, INTEGER, LIST, PATH, TEXT, Setting

ADMIN_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "SPANWISE_ADMIN_HOST",
        TEXT,
        "0.0.0.0",  # noqa: S104 - probes and scrapes come from outside; only the open tier is open to them
        "The address the admin server listens on; 127.0.0.1 shuts out probes and scrapes from other machines.",
    ),
    Setting(
        "SPANWISE_ADMIN_PORT",
        INTEGER,
        "9990",
        "The admin server's port; 0 takes any free one, and so does a port that is in use.",
        low=0,
        high=65535,
    ),
    Setting(
        "SPANWISE_ADMIN_ACCESS",
        TEXT,
        "full",
        "A ceiling: none leaves only the open tier, read-only adds the sensitive one, full also what changes things.",
        choices=("none", "read-only", "full"),
    ),
    Setting(
        "SPANWISE_ADMIN_TOKEN",
        TEXT,
        None,
        "The token that opens the sensitive and mutating tiers to other machines.",
        secret=True,
    ),
    Setting(
        "SPANWISE_ADMIN_TOKEN_FILE",
        PATH,
        None,
        "A file with that token, read again at each use, so that it can be replaced while the service runs.",
    ),
    Setting(
        "SPANWISE_ADMIN_TRUST_LOOPBACK",
        FLAG,
        "true",
        "Whether a request from this machine needs no token; say false behind a proxy on the same machine or pod.",
    ),
    Setting(
        "SPANWISE_ADMIN_ALLOWED_HOSTS",
        LIST,
        None,
        "Host names besides localhost, 127.0.0.1 and [::1] under which a browser may reach the admin server.",
    ),
    Setting(
        "SPANWISE_ADMIN_LISTEN",
        FLAG,
        "true",
        "Whether to open the admin port; false where one port is all there is, with the pages inside the application.",
    ),
    Setting(
        "SPANWISE_ADMIN_HEARTBEAT_TIMEOUT",
        DURATION,
        "30s",
        "An event loop that is stuck for longer fails /livez.",
        low=1,
    ),
    Setting(
        "SPANWISE_ADMIN_DRAIN_DELAY",
        DURATION,
        "5s",
        "Before a shutdown: how long to go on answering while /readyz says 503, at least one period of the probe.",
        low=0,
        high=600,
    ),
    Setting(
        "SPANWISE_ADMIN_GRACE",
        DURATION,
        "10s",
        "Before a shutdown: how long requests in flight may take to end where the request names no grace.",
        low=0,
        high=3600,
    ),
    Setting(
        "SPANWISE_ADMIN_SHOW_VALUES",
        FLAG,
        "false",
        "Whether the registry shows the values of settings that are not secret; those of the environment never.",
    ),
    Setting(
        "SPANWISE_ADMIN_CAPTURE_WHEN",
        CAPTURE_RULES,
        None,
        "Signs of trouble at which a profile is taken unasked, twice an hour each at most, such as cpu > 0.9 for 30s.",
    ),
    Setting(
        "SPANWISE_ADMIN_TLS_CERT_FILE",
        PATH,
        None,
        "A certificate chain in PEM: the admin port then speaks https alone. Needs the key's file too.",
    ),
    Setting(
        "SPANWISE_ADMIN_TLS_KEY_FILE",
        PATH,
        None,
        "The private key of that certificate, in PEM and without a passphrase.",
    ),
)
