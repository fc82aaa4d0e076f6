"""The configuration beside the boards: Prometheus' own tool accepts it, and Grafana finds what the boards refer to."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import yaml

from spanwise.settings import resolve
from spanwise_dashboards.output import write
from spanwise_dashboards.provisioning import duration, prometheus_config
from spanwise_dashboards.settings import SCRAPE_INTERVAL, SETTINGS, STATIC_TARGETS
from spanwise_dashboards.tree import generate

Promtool = Callable[..., subprocess.CompletedProcess[str]]


def generated(**arguments: Any) -> dict[str, str]:
    return generate(resolve(SETTINGS, arguments, environ={}))


@pytest.mark.parametrize("interval", ["250ms", "1s", "15s", "60s"])
def test_promtool_accepts_the_configuration(promtool: Promtool, tmp_path: Path, interval: str) -> None:
    """At every scrape interval: Prometheus refuses a scrape timeout longer than it, and its default is 10 s."""
    tree = generated(**{SCRAPE_INTERVAL.variable: interval, STATIC_TARGETS.variable: "127.0.0.1:9990,[::1]:9992"})
    write(tree, tmp_path)
    checked = promtool("check", "config", tmp_path / "prometheus/prometheus.yml")
    assert checked.returncode == 0, checked.stdout + checked.stderr
    assert "1 rule files found" in checked.stdout


def test_promtool_refuses_a_broken_configuration(promtool: Promtool, tmp_path: Path) -> None:
    write(generated(), tmp_path)
    path = tmp_path / "prometheus/prometheus.yml"
    path.write_text(path.read_text().replace("scrape_timeout: 10s", "scrape_timeout: 20s"))
    assert promtool("check", "config", path).returncode != 0


def test_services_are_discovered_and_their_labels_honoured() -> None:
    document = prometheus_config("http://collector:9411", ("127.0.0.1:9991",), ("a:1", "b:2"), 15.0)
    discovered, collector, static = document["scrape_configs"]
    assert discovered["http_sd_configs"][0]["url"] == "http://collector:9411/sd/prometheus"
    assert collector["static_configs"] == [{"targets": ["127.0.0.1:9991"]}]
    assert static["static_configs"] == [{"targets": ["a:1", "b:2"]}]
    assert all(job["honor_labels"] is True for job in document["scrape_configs"])


def test_without_static_targets_there_is_no_such_job() -> None:
    document = prometheus_config("http://collector:9411", ("127.0.0.1:9991",), (), 15.0)
    assert [job["job_name"] for job in document["scrape_configs"]] == ["spanwise", "spanwise-collector"]


def test_the_provider_reads_the_folder_that_grafana_has() -> None:
    tree = generated(SPANWISE_GRAFANA_DASHBOARDS_PATH="/srv/boards")
    (provider,) = yaml.safe_load(tree["grafana/provisioning/dashboards/spanwise.yaml"])["providers"]
    assert provider["options"] == {"path": "/srv/boards"}
    assert provider["allowUiUpdates"] is False


@pytest.mark.parametrize(("seconds", "text"), [(15.0, "15s"), (0.25, "250ms"), (1.5, "1500ms"), (60.0, "60s")])
def test_durations_are_written_as_prometheus_reads_them(seconds: float, text: str) -> None:
    assert duration(seconds) == text
