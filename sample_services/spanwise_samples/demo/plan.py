"""What the demo starts, as values: the parts, their ports and their folders. Nothing is started here."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from spanwise.settings import SettingError, Settings

from ..settings import (
    COLLECTOR_ADMIN_PORT,
    COLLECTOR_PORT,
    LOAD_RATE,
    MOST_DURATION_S,
    OTLP_GRPC_PORT,
    OTLP_PORT,
    PROMETHEUS_PORT,
    STORE_BY_NAME,
    STORE_PORTS,
    STORES,
    Store,
)
from .children import Part
from .ports import HOST, PortUse

# Spans of the demo go to the demo's collector, whatever the shell says.
UNWANTED_VARIABLES = ("OTEL_EXPORTER_OTLP_ENDPOINT", "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT", "OTEL_SDK_DISABLED")


@dataclass(frozen=True, slots=True)
class Plan:
    """The settings of one demo and the folder it lives in."""

    settings: Settings
    folder: Path

    @property
    def services(self) -> tuple[Store, ...]:
        """Those to start. Raises SettingError when one is not known."""
        wanted = self.settings["SAMPLES_DEMO_SERVICES"]
        for name in wanted:
            if name not in STORE_BY_NAME:
                raise SettingError(f"--services={name!r} is not one of {', '.join(STORE_BY_NAME)}.")
        return tuple(store for store in STORES if store.name in wanted)

    @property
    def logs(self) -> Path:
        return self.folder / "logs"

    @property
    def dashboards(self) -> Path:
        return self.folder / "dashboards"

    @property
    def collector_url(self) -> str:
        return _url(self.settings[COLLECTOR_PORT.variable])

    @property
    def collector_admin_url(self) -> str:
        return _url(self.settings[COLLECTOR_ADMIN_PORT.variable])

    @property
    def prometheus_url(self) -> str:
        return _url(self.settings[PROMETHEUS_PORT.variable])

    def app_url(self, store: Store) -> str:
        return _url(self.settings[STORE_PORTS[store.name][0].variable])

    def admin_url(self, store: Store) -> str:
        return _url(self.settings[STORE_PORTS[store.name][1].variable])

    @property
    def has_load(self) -> bool:
        """There is no load without the gateway: it is what customers see."""
        return not self.settings["SAMPLES_DEMO_NO_LOAD"] and any(store.name == "gateway" for store in self.services)

    def port_uses(self, with_prometheus: bool) -> Iterator[PortUse]:
        rows = [
            (COLLECTOR_PORT, "the collector"),
            (OTLP_PORT, "the collector's OTLP intake"),
            (OTLP_GRPC_PORT, "the collector's OTLP/gRPC intake"),
            (COLLECTOR_ADMIN_PORT, "the collector's /admin"),
        ]
        if with_prometheus:
            rows.append((PROMETHEUS_PORT, "Prometheus"))
        for store in self.services:
            app, admin = STORE_PORTS[store.name]
            rows += [(app, store.name), (admin, f"{store.name}'s /admin")]
        for row, purpose in rows:
            yield PortUse(self.settings[row.variable], purpose, row.flag)

    def collector(self) -> Part:
        return Part(
            "collector",
            (
                *_spanwise("collector"),
                *("--port", str(self.settings[COLLECTOR_PORT.variable])),
                *("--otlp-port", str(self.settings[OTLP_PORT.variable])),
                *("--grpc-port", str(self.settings[OTLP_GRPC_PORT.variable])),
                *("--admin-port", str(self.settings[COLLECTOR_ADMIN_PORT.variable])),
                *("--data", str(self.folder / "collector")),
            ),
            {},
            (f"{self.collector_url}/", f"{self.collector_admin_url}/readyz"),
        )

    def generate(self) -> Part:
        """Writes boards, rules and configuration files, and ends."""
        return Part(
            "dashboards",
            (
                *_spanwise("dashboards"),
                "generate",
                *("--out", str(self.dashboards)),
                *("--collector-url", self.collector_url),
                *("--collector-target", self.collector_admin_url.removeprefix("http://")),
                *("--prometheus-url", self.prometheus_url),
                *("--grafana-dashboards-path", str(self.dashboards / "grafana" / "dashboards")),
                *("--scrape-interval", f"{self.settings['SPANWISE_SCRAPE_INTERVAL']:g}s"),
            ),
            {},
        )

    def service(self, store: Store) -> Part:
        peers = {other.variable("URL"): self.app_url(other) for other in STORES}
        admin_port = self.settings[STORE_PORTS[store.name][1].variable]
        return Part(
            store.name,
            (
                *(sys.executable, "-m", f"spanwise_samples.{store.name}"),
                *("--port", str(self.settings[STORE_PORTS[store.name][0].variable])),
                *("--data", str(self.folder / "services")),
            ),
            {
                **peers,
                "SPANWISE_COLLECTOR_URL": self.collector_url,
                "SPANWISE_ADMIN_HOST": HOST,
                "SPANWISE_ADMIN_PORT": str(admin_port),
            },
            (f"{self.app_url(store)}/", f"{self.admin_url(store)}/readyz"),
        )

    def prometheus(self, binary: str) -> Part:
        return Part(
            "prometheus",
            (
                binary,
                f"--config.file={self.dashboards / 'prometheus' / 'prometheus.yml'}",
                f"--storage.tsdb.path={self.folder / 'prometheus'}",
                f"--web.listen-address={self.prometheus_url.removeprefix('http://')}",
                "--enable-feature=exemplar-storage",
            ),
            {},
            (f"{self.prometheus_url}/-/ready",),
        )

    def load(self) -> Part:
        gateway = STORE_BY_NAME["gateway"]
        return Part(
            "load",
            (
                *(sys.executable, "-m", "spanwise_samples.load"),
                *("--url", self.app_url(gateway)),
                *("--rate", f"{self.settings[LOAD_RATE.variable]:g}"),
                *("--duration", f"{MOST_DURATION_S:.0f}s"),
                *("--progress", "json"),
            ),
            {},
        )


def _spanwise(command: str) -> tuple[str, ...]:
    """The console command of this very installation."""
    return (str(Path(sys.executable).with_name("spanwise")), command)


def _url(port: int) -> str:
    return f"http://{HOST}:{port}"
