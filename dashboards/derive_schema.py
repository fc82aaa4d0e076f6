"""Derives `spanwise_dashboards/checks/grafana_schema.json` from Grafana's own types. Run by hand when Grafana moves on.

    python dashboards/derive_schema.py           # writes the file; needs node and npm
    python dashboards/derive_schema.py --check   # exits 1 where the file is not what would be written

Grafana publishes its dashboard model as TypeScript types in the npm package `@grafana/schema` (Apache-2.0). They are
turned into one JSON schema: `Dashboard`, and for each panel type its options and its `custom` field settings. Comments
are dropped. Nothing in the file is written by hand: what our boards have beside it is `checks/schema.py`'s to say.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Any

PACKAGE, VERSION = "@grafana/schema", "13.2.3"
SHA256 = "f492f0ec5b0212cbf7f098d5d54b4a540371c262c6b78e9016ee2d26add9e559"
GENERATOR = "ts-json-schema-generator@2.4.0"
TARGET = Path(__file__).parent / "spanwise_dashboards/checks/grafana_schema.json"
# Panel type in a board -> its folder in the package, and whether it has field settings of its own.
PANELS = {
    "barchart": ("barchart", True),
    "bargauge": ("bargauge", False),
    "gauge": ("gauge", False),
    "heatmap": ("heatmap", True),
    "histogram": ("histogram", True),
    "nodeGraph": ("nodegraph", False),
    "piechart": ("piechart", True),
    "stat": ("stat", False),
    "state-timeline": ("statetimeline", True),
    "status-history": ("statushistory", True),
    "table": ("table", True),
    "text": ("text", False),
    "timeseries": ("timeseries", True),
    "xychart": ("xychart", True),
}
_WORDS = ("description", "$comment", "default", "deprecated", "$id")


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--check", action="store_true", help="write nothing; exit 1 where the file differs")
    check = parser.parse_args().check
    with tempfile.TemporaryDirectory(prefix="spanwise-schema-") as folder:
        text = render(derive(Path(folder)))
    if check:
        return 0 if TARGET.read_text(encoding="utf-8") == text else 1
    TARGET.write_text(text, encoding="utf-8")
    return 0


def derive(folder: Path) -> dict[str, Any]:
    """The schema's document. Raises subprocess.CalledProcessError, and ValueError for a package that is another."""
    _run(folder, "npm", "pack", "--silent", f"{PACKAGE}@{VERSION}")
    (archive,) = folder.glob("*.tgz")
    digest = hashlib.sha256(archive.read_bytes()).hexdigest()
    if digest != SHA256:
        raise ValueError(f"{PACKAGE} {VERSION} has the checksum {digest}, not {SHA256}")
    (folder / "package.json").write_text('{"private": true}')
    _run(folder, "npm", "install", "--no-save", "--silent", "--ignore-scripts", GENERATOR)
    package = folder / "node_modules" / PACKAGE
    package.mkdir(parents=True)
    _run(folder, "tar", "xzf", archive.name, "-C", str(package), "--strip-components=1")
    (folder / "tsconfig.json").write_text('{"compilerOptions": {"moduleResolution": "node", "strict": true}}')
    made = {
        "dashboard": _schema(folder, dashboard_entry()),
        "panels": {kind: _schema(folder, panel_entry(*where)) for kind, where in PANELS.items()},
    }
    return {"package": PACKAGE, "version": VERSION, "sha256": SHA256, "generator": GENERATOR, **made}


def dashboard_entry() -> str:
    """A module whose one type has every type we want as a property."""
    types = f"./node_modules/{PACKAGE}/dist/types/raw/dashboard/x/types.gen"
    wanted = "dashboard: Dashboard; panel: Panel; row: RowPanel"
    return f"import {{ Dashboard, Panel, RowPanel }} from '{types}';\nexport interface All {{ {wanted} }}\n"


def panel_entry(name: str, has_fields: bool) -> str:
    """The same for one panel type; each has types of the same names, so they cannot share a module."""
    types = f"./node_modules/{PACKAGE}/dist/types/raw/composable/{name}/panelcfg/x/types.gen"
    wanted = "options: panel.Options" + ("; custom: panel.FieldConfig" if has_fields else "")
    return f"import * as panel from '{types}';\nexport interface All {{ {wanted} }}\n"


def _schema(folder: Path, module: str) -> dict[str, Any]:
    (folder / "entry.ts").write_text(module)
    made = _run(
        folder, "node_modules/.bin/ts-json-schema-generator", "--path", "entry.ts", "--tsconfig", "tsconfig.json",
        "--type", "All", "--no-type-check", "--no-top-ref",
    )  # fmt: skip
    schema: dict[str, Any] = _without_words(json.loads(made))
    return schema


def render(document: dict[str, Any]) -> str:
    return json.dumps(document, indent=1, sort_keys=True) + "\n"


def _without_words(node: Any, names: bool = False) -> Any:
    """The schema without comments; `names`: the keys are properties' names, not words of JSON schema."""
    if isinstance(node, dict):
        named = ("properties", "definitions")
        return {k: _without_words(v, not names and k in named) for k, v in node.items() if names or k not in _WORDS}
    if isinstance(node, list):
        return [_without_words(item) for item in node]
    return node


def _run(folder: Path, *command: str) -> str:
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=300)  # noqa: S603
    if done.returncode:
        sys.exit(f"{' '.join(command)} failed: {done.stderr.strip() or done.stdout.strip()}")
    return done.stdout


if __name__ == "__main__":
    sys.exit(main())
