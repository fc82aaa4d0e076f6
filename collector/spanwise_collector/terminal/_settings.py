"""Where `spanwise traces` asks, and what opens the door there."""

from __future__ import annotations

from spanwise.settings import PATH, TEXT, URL, Setting

SETTINGS: tuple[Setting, ...] = (
    Setting("SPANWISE_COLLECTOR_URL", URL, "http://127.0.0.1:9411", "The collector to ask.", flag="--collector"),
    Setting("SPANWISE_COLLECTOR_READ_TOKEN", TEXT, None, "The token that the collector asks for.", secret=True),
    Setting(
        "SPANWISE_COLLECTOR_READ_TOKEN_FILE",
        PATH,
        None,
        "A file whose first line is that token.",
        flag="--token-file",
    ),
)
