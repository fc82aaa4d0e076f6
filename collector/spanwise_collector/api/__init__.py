"""The JSON API of docs/collector-api.md, as Flask blueprints over the rooms that do the work."""

from spanwise_collector.api._access import UNTRACED, access
from spanwise_collector.api._services import Services, services

__all__ = ["UNTRACED", "Services", "access", "services"]
