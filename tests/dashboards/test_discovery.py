"""What services declare gets panels: read from a file, the registry, or Prometheus."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest

from spanwise.command import main
from spanwise.standard import Better, Kind
from spanwise_dashboards.boards import own_boards
from spanwise_dashboards.boards.own import own_uid
from spanwise_dashboards.checks import check_boards
from spanwise_dashboards.checks.vocabulary import standard
from spanwise_dashboards.discovery import DiscoveryError, Service, discover, from_collector, from_file, from_prometheus
from spanwise_dashboards.prometheus import Prometheus

ORDERS = {
    "name": "orders_placed_total",
    "kind": "counter",
    "unit": "{order}",
    "description": "Orders accepted.",
    "label_names": ["region"],
    "better": "higher",
}


def file(tmp_path: Path, *metrics: dict[str, Any], name: str = "checkout") -> str:
    path = tmp_path / "services.json"
    path.write_text(json.dumps({"services": [{"name": name, "owner": "team", "metrics": list(metrics)}]}))
    return str(path)


def test_a_declared_metric_gets_its_panel_with_what_it_says_of_itself(tmp_path: Path) -> None:
    (service,) = from_file(file(tmp_path, ORDERS, {"name": "process_open_fds", "kind": "gauge"}))
    assert [(m.name, m.kind, m.better, m.labels) for m in service.metrics] == [
        ("orders_placed_total", Kind.COUNTER, Better.HIGHER, ("region",))
    ]
    (board,) = own_boards([service])
    assert board.description.endswith("Owner: team.")
    (panel,) = board.panels
    assert "Orders accepted." in panel.description and "Higher is better." in panel.description
    assert "sum by (region) (rate(orders_placed_total{" in panel.queries[0].expr
    vocabulary = standard().with_metrics(service.metrics)
    found = [one for one in check_boards([board.to_json()], vocabulary) if one.rule != "board_links_resolve"]
    assert found == []


def test_generate_writes_a_board_for_each_service_that_declares_something(tmp_path: Path) -> None:
    out = tmp_path / "out"
    assert main(["dashboards", "generate", "--out", str(out), "--services", file(tmp_path, ORDERS)]) == 0
    assert (out / "grafana/dashboards/spanwise-own-checkout.json").exists()
    (tmp_path / "none").mkdir()
    assert main(["dashboards", "generate", "--out", str(out), "--services", file(tmp_path / "none")]) == 0


def test_uids_are_short_and_differ() -> None:
    names = ["a", "a b", "a.b", "x" * 80, "x" * 81, "ü"]
    uids = [own_uid(name) for name in names]
    assert len(set(uids)) == len(names)
    assert all(len(uid) <= 40 for uid in uids)


@pytest.fixture
def registry() -> Iterator[str]:
    """A collector's registry with two services, of which one does not answer."""
    pages: dict[str, Any] = {}

    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            body = json.dumps(pages.get(self.path, {})).encode()
            self.send_response(200 if self.path in pages else 404)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, format: str, *args: Any) -> None:
            """Tests print nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    url = f"http://127.0.0.1:{server.server_port}"
    identity = {"service.name": "checkout", "service.version": "2", "spanwise.owner": "team"}
    pages["/api/spanwise/instances"] = {
        "instances": [
            {"identity": identity, "admin_url": "http://127.0.0.1:9"},
            {"identity": identity, "admin_url": url},
            {"identity": {"service.name": "gone"}, "admin_url": "http://127.0.0.1:9"},
        ]
    }
    pages["/admin/metric_metadata.json"] = {"metrics": [ORDERS]}
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield url
    server.shutdown()
    server.server_close()


def test_the_registry_is_asked_and_one_that_does_not_answer_holds_up_nobody(registry: str) -> None:
    checkout, gone = from_collector(registry)
    assert (checkout.name, checkout.versions, checkout.owner) == ("checkout", ("2",), "team")
    assert [metric.name for metric in checkout.metrics] == ["orders_placed_total"]
    assert gone == Service("gone")


def test_prometheus_is_asked(start_prometheus: Any, tmp_path: Path) -> None:
    with start_prometheus(tmp_path / "data", tmp_path) as server:
        assert from_prometheus(Prometheus(server.url)) == []


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("{", "is neither JSON nor YAML"),
        ("[]", "has no list `services`"),
        ('{"services": [{}]}', "a service has no name"),
        (
            '{"services": [{"name": "a", "metrics": [{"name": "m", "kind": "summary"}]}]}',
            "not counter, gauge, histogram",
        ),
    ],
)
def test_a_file_that_cannot_be_used_is_one_line(tmp_path: Path, text: str, message: str) -> None:
    path = tmp_path / "x.json"
    path.write_text(text)
    with pytest.raises(DiscoveryError, match=message):
        from_file(str(path))
    assert main(["dashboards", "generate", "--out", str(tmp_path / "o"), "--services", str(path)]) == 2


def test_without_a_source_there_is_nothing_to_discover_and_a_wrong_one_is_named() -> None:
    assert discover(None, "", "") == []
    with pytest.raises(DiscoveryError, match="cannot read no-such"):
        discover("no-such", "", "")
    with pytest.raises(DiscoveryError, match="the collector does not answer at"):
        discover("collector", "http://127.0.0.1:9", "")
