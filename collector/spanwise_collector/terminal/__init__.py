"""`spanwise traces`: search and look at traces in a terminal, or as lines of JSON for scripts."""

from spanwise_collector.terminal._settings import SETTINGS

__all__ = ["SETTINGS"]
