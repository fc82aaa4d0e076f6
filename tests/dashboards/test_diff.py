"""`spanwise dashboards diff`: a Grafana or a folder beside what is generated."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from spanwise.command import main
from tests.dashboards.grafana_server import TOKEN, running_grafana

OWN = "grafana/dashboards/spanwise-own-orders.json"


@pytest.fixture
def services(tmp_path: Path) -> str:
    metrics = [{"name": "orders_placed_total", "kind": "counter", "unit": "{order}", "description": "Orders."}]
    path = tmp_path / "services.json"
    path.write_text(json.dumps({"services": [{"name": "orders", "metrics": metrics}, {"name": "plain"}]}))
    return str(path)


def test_a_folder_as_generated_has_no_difference(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    assert main(["dashboards", "generate", "--out", str(out)]) == 0
    capsys.readouterr()
    assert main(["dashboards", "diff", str(out)]) == 0
    shown = capsys.readouterr()
    assert shown.out == "" and "0 missing, 0 different" in shown.err
    assert "--services says where to ask" in shown.err


def test_a_changed_file_is_shown_line_by_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    main(["dashboards", "generate", "--out", str(out)])
    path = out / "prometheus/prometheus.yml"
    path.write_text(path.read_text().replace("scrape_interval: 15s", "scrape_interval: 90s"))
    assert main(["dashboards", "diff", str(out)]) == 1
    shown = capsys.readouterr().out
    assert "-  scrape_interval: 90s\n" in shown and "+  scrape_interval: 15s\n" in shown
    assert "--- prometheus/prometheus.yml (file)" in shown


def test_a_service_without_a_board_is_named(tmp_path: Path, services: str, capsys: pytest.CaptureFixture[str]) -> None:
    out = tmp_path / "out"
    main(["dashboards", "generate", "--out", str(out)])
    assert main(["dashboards", "diff", str(out), "--services", services]) == 1
    shown = capsys.readouterr().out
    assert shown.splitlines()[-2:] == [
        f"missing: {OWN}",
        "no board of its own metrics: orders, which declares 1",
    ]
    main(["dashboards", "generate", "--out", str(out), "--services", services])
    assert main(["dashboards", "diff", str(out), "--services", services]) == 0


def test_a_folder_that_is_not_there_misses_everything(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dashboards", "diff", str(tmp_path / "none")]) == 1
    assert "13 missing, 0 different" in capsys.readouterr().err


def test_a_grafana_is_compared_without_being_changed(
    services: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("SPANWISE_GRAFANA_TOKEN", TOKEN)
    with running_grafana() as grafana:
        where = ("--grafana-url", grafana.url)
        assert main(["dashboards", "diff", *where]) == 1
        assert "missing: spanwise-fleet" in capsys.readouterr().out and grafana.writes == 0
        main(["dashboards", "push", *where])
        assert main(["dashboards", "diff", *where]) == 0
        writes = grafana.writes
        grafana.edit("spanwise-fleet", title="Mine")
        assert main(["dashboards", "diff", *where, "--services", services]) == 1
        shown = capsys.readouterr().out
        assert '- "title": "Mine"' in shown and "missing: spanwise-own-orders" in shown
        assert "no board of its own metrics: orders, which declares 1" in shown
        assert grafana.writes == writes


def test_what_cannot_be_read_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "grafana").write_text("a file where a folder should be")
    assert main(["dashboards", "diff", "--grafana-url", "http://127.0.0.1:9"]) == 2
    assert "cannot reach Grafana at http://127.0.0.1:9" in capsys.readouterr().err
    assert main(["dashboards", "diff", str(tmp_path), "--services", "nowhere.json"]) == 2
    assert "cannot read nowhere.json" in capsys.readouterr().err
