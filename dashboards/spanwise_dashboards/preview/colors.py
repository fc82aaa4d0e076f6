"""Which colour a series has: the one the board fixes, else its service's own, else one of the palette.

As classes of the style sheet, so that light and dark are its matter.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from spanwise.web import SERVICE_COLORS, service_color
from spanwise_dashboards.preview.data import Line

Json = dict[str, Any]
_STRIDE = 5  # neighbours in the palette are told apart badly
# Grafana's names of colours that the style sheet knows.
_NAMED = {"green", "blue", "orange", "red", "purple", "light-purple", "dark-purple"}


def color_classes(lines: Sequence[Line], overrides: Sequence[Json] = ()) -> dict[str, str]:
    """The class by the name of a line. `overrides` are those of the panel's `fieldConfig`."""
    classes = {}
    for index, line in enumerate(sorted(lines, key=lambda one: one.name)):
        service = line.labels.get("service_name", "")
        number = service_color(service) if service and len(line.labels) == 1 else index * _STRIDE % SERVICE_COLORS
        classes[line.name] = _fixed(line.name, overrides) or f"service-color-{number}"
    return classes


def color_class(color: str) -> str:
    """The class of a colour as Grafana names it; empty for one that has none."""
    return f"preview-color-{color}" if color in _NAMED else ""


def _fixed(name: str, overrides: Sequence[Json]) -> str:
    for override in overrides:
        matcher = override.get("matcher", {})
        pattern = str(matcher.get("options", ""))
        by_pattern = matcher.get("id") == "byRegexp" and re.search(pattern.strip("/"), name)
        if by_pattern or (matcher.get("id") == "byName" and pattern == name):
            for item in override.get("properties", []):
                if item.get("id") == "color" and item["value"].get("mode") == "fixed":
                    return color_class(item["value"]["fixedColor"])
    return ""
