"""The configuration files beside the boards: Grafana's provisioning and Prometheus' scraping.

Each function returns a document; none holds an absolute path of the machine that generates, so that the files are the
same bytes wherever they are written.
"""

from __future__ import annotations

from typing import Any

FOLDER_UID, FOLDER_TITLE = "spanwise", "Spanwise"  # where the boards are in Grafana
# A service that has just registered is scraped this soon.
DISCOVERY_INTERVAL = "5s"
DEFAULT_SCRAPE_TIMEOUT_S = 10.0  # Prometheus'; it refuses one longer than the interval


def duration(seconds: float) -> str:
    """`15.0` -> `15s`, `0.25` -> `250ms`, as Prometheus and Grafana write durations."""
    milliseconds = round(seconds * 1000)
    return f"{milliseconds // 1000}s" if milliseconds % 1000 == 0 else f"{milliseconds}ms"


def dashboard_provider(path: str) -> dict[str, Any]:
    """Grafana's file provider. The files win over edits: boards are generated, so they cannot be saved in the UI."""
    provider = {
        "name": "spanwise",
        "orgId": 1,
        "folder": FOLDER_TITLE,
        "folderUid": FOLDER_UID,
        "type": "file",
        "disableDeletion": False,
        "updateIntervalSeconds": 10,
        "allowUiUpdates": False,
        "options": {"path": path},
    }
    return {"apiVersion": 1, "providers": [provider]}


def prometheus_config(
    collector_url: str,
    collector_targets: tuple[str, ...],
    static_targets: tuple[str, ...],
    scrape_interval_s: float,
) -> dict[str, Any]:
    """Prometheus' configuration: services found through the collector, the collector itself, and fixed targets.

    Discovered targets carry the identity as target labels and are asked for lines without it; the others write it on
    every line, which `honor_labels` lets through.
    """
    jobs = [
        {
            "job_name": "spanwise",
            "honor_labels": True,
            "http_sd_configs": [
                {"url": f"{collector_url}/sd/prometheus", "refresh_interval": DISCOVERY_INTERVAL},
            ],
        },
        _static_job("spanwise-collector", collector_targets),
        _static_job("spanwise-static", static_targets),
    ]
    interval = duration(scrape_interval_s)
    return {
        "global": {
            "scrape_interval": interval,
            "scrape_timeout": duration(min(scrape_interval_s, DEFAULT_SCRAPE_TIMEOUT_S)),
            "evaluation_interval": interval,
        },
        "rule_files": ["rules/*.yml"],
        "scrape_configs": [job for job in jobs if job],
    }


def _static_job(name: str, targets: tuple[str, ...]) -> dict[str, Any] | None:
    if not targets:
        return None
    return {"job_name": name, "honor_labels": True, "static_configs": [{"targets": list(targets)}]}
