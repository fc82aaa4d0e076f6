"""What the service is made of: a software bill of materials without a build step."""

from __future__ import annotations

import json
import sys
from importlib import metadata
from typing import Any

from spanwise import __version__
from spanwise.admin.messages import Request
from spanwise.admin.routes import route


@route("/admin/sbom.json", title="Software bill of materials", group="Process Info")
def sbom(request: Request) -> dict[str, Any]:
    """Every installed distribution as CycloneDX 1.5 JSON, with whether this process has loaded it."""
    process = request.process
    name, version = process.attribute("service.name"), process.attribute("service.version")
    tools = [{"type": "library", "name": "spanwise", "version": __version__}]
    return {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {
            "tools": {"components": tools},
            "component": {"type": "application", "name": name, "version": version},
        },
        "components": sorted(_components(), key=lambda each: (each["name"].lower(), each["version"])),
    }


def _components() -> list[dict[str, Any]]:
    loaded = {module.partition(".")[0] for module in tuple(sys.modules)}
    provided: dict[str, set[str]] = {}
    for module, names in metadata.packages_distributions().items():
        for name in names:
            provided.setdefault(name, set()).add(module)
    return [_component(each, bool(provided.get(each.metadata["Name"], set()) & loaded)) for each in _distributions()]


def _distributions() -> list[metadata.Distribution]:
    unique = {(each.metadata["Name"], each.version): each for each in metadata.distributions() if each.metadata["Name"]}
    return list(unique.values())


def _component(each: metadata.Distribution, loaded: bool) -> dict[str, Any]:
    name, version = each.metadata["Name"], each.version
    purl = f"pkg:pypi/{name.lower().replace('_', '-')}@{version}"
    properties = [{"name": "spanwise:loaded", "value": str(loaded).lower()}]
    direct = each.read_text("direct_url.json")
    if direct and json.loads(direct).get("dir_info", {}).get("editable"):
        properties.append({"name": "spanwise:editable", "value": "true"})
    component: dict[str, Any] = {
        "type": "library",
        "bom-ref": purl,
        "name": name,
        "version": version,
        "purl": purl,
        "properties": properties,
    }
    for key, expression in (("License-Expression", True), ("License", False)):
        declared = each.metadata[key] if key in each.metadata else ""  # noqa: SIM401 - it has no get()
        if declared and "\n" not in declared and len(declared) < 100:
            component["licenses"] = [{"expression": declared} if expression else {"license": {"name": declared}}]
            break
    return component
