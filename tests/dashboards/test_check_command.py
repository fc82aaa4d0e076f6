"""`spanwise dashboards check`: our own boards, anybody's files, and what a running Prometheus says to them."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from spanwise.command import main
from spanwise_dashboards.boards import all_boards
from spanwise_dashboards.checks import check_live
from spanwise_dashboards.checks.live import explain
from spanwise_dashboards.checks.vocabulary import standard
from spanwise_dashboards.prometheus import Prometheus


def run(*arguments: str | Path) -> int:
    return main(["dashboards", "check", *map(str, arguments)])


def board(tmp_path: Path, **changes: Any) -> Path:
    document = {"title": "Mine", "uid": "mine", "schemaVersion": 39, "panels": [], **changes}
    path = tmp_path / "mine.json"
    path.write_text(json.dumps(document))
    return path


def test_our_own_boards_have_no_findings(capsys: pytest.CaptureFixture[str]) -> None:
    assert run() == 0
    shown = capsys.readouterr()
    assert shown.out == "" and f"{len(all_boards())} boards" in shown.err


def test_a_users_board_is_checked_too_and_a_check_can_be_left_out(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    query = {"refId": "A", "expr": "sum(http_requests_totl)"}
    path = board(tmp_path, panels=[{"type": "timeseries", "id": 1, "title": "P", "targets": [query]}], colour="red")
    assert run(path) == 1
    out = capsys.readouterr().out
    assert "Mine: schemaVersion is 39, not 42 [schema_is_current]" in out
    assert "the standard has no metric http_requests_totl [query_is_sound]" in out
    assert "/colour is not known to Grafana [document_fits_grafanas_types]" in out
    run(path, "--ignore", "schema_is_current")
    assert "schemaVersion" not in capsys.readouterr().out


def test_a_folder_and_what_grafanas_api_returns_are_read(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    document = all_boards()[0].to_json()
    (tmp_path / "api.json").write_text(json.dumps({"meta": {}, "dashboard": document}))
    (tmp_path / "other.json").write_text("[]")
    run(tmp_path)
    shown = capsys.readouterr()
    assert "1 boards" in shown.err
    assert "which is not generated" in shown.out


def test_what_services_declare_is_known_and_their_boards_are_checked(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    metric = {"name": "orders_placed_total", "kind": "counter", "unit": "{order}", "labels": ["region"]}
    services = tmp_path / "services.json"
    services.write_text(json.dumps({"services": [{"name": "orders", "metrics": [metric]}]}))
    assert run("--services", services) == 0
    assert f"{len(all_boards()) + 1} boards" in capsys.readouterr().err
    query = {"refId": "A", "expr": "sum by (region, shop) (rate(orders_placed_total[$__rate_interval]))"}
    path = board(tmp_path, panels=[{"type": "timeseries", "id": 1, "title": "P", "targets": [query]}])
    assert run(path) == 1
    assert "the standard has no metric orders_placed_total" in capsys.readouterr().out
    assert run(path, "--services", services) == 1
    out = capsys.readouterr().out
    assert "orders_placed_total has no label shop" in out and "no metric" not in out and "label region" not in out


@pytest.mark.parametrize(
    ("content", "message"), [("{", "is not JSON"), ("[]", "is not a dashboard"), (None, "cannot read")]
)
def test_a_file_that_is_no_board_is_one_line(
    tmp_path: Path, content: str | None, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.json"
    if content is not None:
        path.write_text(content)
    assert run(path) == 2
    error = capsys.readouterr().err
    assert message in error and len(error.splitlines()) == 1


def test_wrong_use_is_one_line(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run("--ignore", "no_such") == 2
    assert "is not a check; there are" in capsys.readouterr().err
    assert run(tmp_path) == 2
    assert "there is no dashboard in" in capsys.readouterr().err
    assert run("--prometheus", "http://127.0.0.1:9") == 2
    assert "cannot reach Prometheus at http://127.0.0.1:9: connection refused" in capsys.readouterr().err


ENV = 'deployment_environment_name="test"'


@pytest.mark.parametrize(
    ("expr", "why"),
    [
        ("sum(rate(http_server_request_duration_seconds_count[1m]))", ""),
        ("sum(http_requests)", "no target that is scraped has http_requests"),
        ('service:http_server_requests:rate5m{service_name="a"}', "is the generated rule file loaded?"),
        (f'python_threads{{{ENV}, service_name="nobody"}}', 'no series of python_threads has service_name="nobody"'),
        (f"python_threads{{{ENV}}} > 1e9", "although every series in it is there"),
    ],
)
def test_emptiness_is_explained(prometheus: Any, expr: str, why: str) -> None:
    class AtTheEnd(Prometheus):
        """The synthetic data ends long ago."""

        def instant(self, expr: str, at: float | None = None) -> list[dict[str, Any]]:
            result: list[dict[str, Any]] = prometheus.query(expr)
            return result

    said = explain(expr, AtTheEnd(prometheus.url), standard())
    assert why in said if why else said == ""


def test_every_query_of_ours_is_explained_on_an_empty_prometheus(start_prometheus: Any, tmp_path: Path) -> None:
    with start_prometheus(tmp_path / "data", tmp_path) as server:
        for one in all_boards():
            found = check_live(one.to_json(), Prometheus(server.url))
            queries = [query for panel in one.panels for query in panel.queries]
            assert len(found) == len(queries)
            assert all("returns nothing: no target that is scraped has" in finding.message for finding in found)


LOKI = {"type": "loki", "uid": "${logs}"}


def test_queries_to_other_data_sources_are_left_alone(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    """A user's board may have logs and traces beside metrics; their languages are not PromQL."""
    logs = {"refId": "A", "datasource": LOKI, "expr": '{app="x"} |= "error"'}
    panel = {"type": "logs", "id": 1, "title": "Logs", "description": "D.", "datasource": LOKI, "targets": [logs]}
    path = board(tmp_path, panels=[panel])
    run(path)
    out = capsys.readouterr().out
    assert "Mine / Logs" not in out.replace("Mine / Logs: has no gridPos", "")
    panel["datasource"] = logs["datasource"] = {"type": "loki", "uid": "P8E80F9AEF21F6940"}
    run(board(tmp_path, panels=[panel]))
    assert "Mine / Logs: data source is {'type': 'loki'" in capsys.readouterr().out
