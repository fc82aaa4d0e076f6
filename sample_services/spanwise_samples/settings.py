"""The settings of this part: one table for the services, one for the load generator, one for `spanwise demo`."""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from spanwise.settings import (
    DURATION,
    FLAG,
    INTEGER,
    LIST,
    NUMBER,
    PATH,
    TEXT,
    URL,
    Setting,
    Settings,
    add_flags,
    from_flags,
    resolve,
)

MAX_PORT = 65535
MOST_DURATION_S = 30 * 86_400.0


@dataclass(frozen=True, slots=True)
class Store:
    """One service of the store and what it has unless told otherwise. Times are medians in milliseconds."""

    name: str
    port: int
    admin_port: int
    latency_ms: float
    error_rate: float

    def variable(self, suffix: str) -> str:
        """`SAMPLES_CATALOG_URL` for `URL`."""
        return f"SAMPLES_{self.name.upper()}_{suffix}"


# 9990 is the first service's admin port, 9991 the collector's. Error rates stay well inside the declared objectives.
STORES: tuple[Store, ...] = (
    Store("gateway", 8080, 9990, 2, 0.0),
    Store("catalog", 8081, 9992, 6, 0.001),
    Store("orders", 8082, 9993, 8, 0.001),
    Store("payments", 8083, 9994, 45, 0.002),
    Store("recommendations", 8084, 9995, 15, 0.002),
)
STORE_BY_NAME = {store.name: store for store in STORES}


def _rows_for_each_service() -> tuple[Setting, ...]:
    rows: list[Setting] = []
    for store in STORES:
        rows += [
            Setting(
                store.variable("URL"), URL, f"http://127.0.0.1:{store.port}", f"Where the others find {store.name}."
            ),
            Setting(
                store.variable("LATENCY_MS"),
                NUMBER,
                f"{store.latency_ms:g}",
                f"Median of the time {store.name} pretends to work on a request, in milliseconds.",
                low=0,
                high=60_000,
            ),
            Setting(
                store.variable("ERROR_RATE"),
                NUMBER,
                f"{store.error_rate:g}",
                f"Share of requests that {store.name} fails with status 500.",
                low=0,
                high=1,
            ),
        ]
    return tuple(rows)


SERVICE_SETTINGS: tuple[Setting, ...] = (
    Setting("SAMPLES_HOST", TEXT, "127.0.0.1", "The address the service listens on.", flag="--host"),
    Setting(
        "SAMPLES_PORT",
        INTEGER,
        None,
        "The port the service listens on; unset means the one of the service's default address.",
        low=1,
        high=MAX_PORT,
        flag="--port",
    ),
    Setting("SAMPLES_THREADS", INTEGER, "8", "Requests that are worked on at once.", low=1, high=256, flag="--threads"),
    Setting(
        "SAMPLES_DATA",
        PATH,
        None,
        "Folder for the SQLite files; unset means a temporary one that goes with the process.",
        flag="--data",
    ),
    Setting("SAMPLES_TIMEOUT", DURATION, "2s", "How long one service waits for another's answer.", low=0.01, high=60),
    Setting(
        "SAMPLES_LATENCY_MS",
        NUMBER,
        None,
        "Median pretended work of every service, in milliseconds; a service's own variable beats it.",
        low=0,
        high=60_000,
    ),
    Setting(
        "SAMPLES_LATENCY_SPREAD",
        NUMBER,
        "0.4",
        "Sigma of the lognormal latency: at 0.4 the 99th percentile is 2.5 times the median.",
        low=0,
        high=3,
    ),
    Setting(
        "SAMPLES_ERROR_RATE",
        NUMBER,
        None,
        "Share of requests that every service fails with status 500; a service's own variable beats it.",
        low=0,
        high=1,
    ),
    Setting("SAMPLES_DECLINE_RATE", NUMBER, "0.03", "Share of charges that payments declines.", low=0, high=1),
    *_rows_for_each_service(),
)

LOAD_RATE = Setting(
    "SAMPLES_LOAD_RATE", NUMBER, "20", "Requests a second, on average.", low=0.01, high=10_000, flag="--rate"
)
LOAD_SETTINGS: tuple[Setting, ...] = (
    Setting("SAMPLES_LOAD_URL", URL, "http://127.0.0.1:8080", "The gateway that gets the load.", flag="--url"),
    Setting("SAMPLES_LOAD_RATE", NUMBER, "20", "Requests a second, on average.", low=0.01, high=10_000, flag="--rate"),
    Setting(
        "SAMPLES_LOAD_DURATION",
        DURATION,
        "60s",
        "How long new requests are sent.",
        low=0.1,
        high=MOST_DURATION_S,
        flag="--duration",
    ),
    Setting(
        "SAMPLES_LOAD_IN_FLIGHT",
        INTEGER,
        "64",
        "Most requests at once; one that is due while all are in use is dropped and counted.",
        low=1,
        high=1024,
        flag="--in-flight",
    ),
    Setting(
        "SAMPLES_LOAD_TIMEOUT",
        DURATION,
        "5s",
        "A request without an answer after this time counts as failed.",
        low=0.01,
        high=600,
        flag="--timeout",
    ),
    Setting("SAMPLES_LOAD_SEED", INTEGER, None, "Repeats the same arrivals and choices.", flag="--seed"),
    Setting(
        "SAMPLES_LOAD_PROGRESS",
        TEXT,
        "auto",
        "Shown on the way: one updated line, one JSON object a second, or nothing (auto: a line on a terminal).",
        choices=("auto", "line", "json", "none"),
        flag="--progress",
    ),
    Setting(
        "SAMPLES_LOAD_ALLOW_REMOTE",
        FLAG,
        "false",
        "Also send load to a host that is not this machine.",
        flag="--allow-remote",
    ),
    Setting(
        "SAMPLES_LOAD_INSTRUMENT",
        FLAG,
        "false",
        "Instrument the load generator itself, as the service `load`.",
        flag="--instrument",
    ),
)


COLLECTOR_PORT = Setting(
    "SPANWISE_COLLECTOR_PORT",
    INTEGER,
    "9411",
    "The collector's main port: traces, read API, registry and spans.",
    low=1,
    high=MAX_PORT,
    flag="--collector-port",
)
OTLP_PORT = Setting(
    "SPANWISE_COLLECTOR_OTLP_PORT",
    INTEGER,
    "4318",
    "The collector's port for OTLP/HTTP alone.",
    low=1,
    high=MAX_PORT,
    flag="--otlp-port",
)
OTLP_GRPC_PORT = Setting(
    "SPANWISE_COLLECTOR_GRPC_PORT",
    INTEGER,
    "4317",
    "The collector's port for OTLP/gRPC.",
    low=1,
    high=MAX_PORT,
    flag="--grpc-port",
)
COLLECTOR_ADMIN_PORT = Setting(
    "SPANWISE_COLLECTOR_ADMIN_PORT",
    INTEGER,
    "9991",
    "The port of the collector's own /admin and metrics.",
    low=1,
    high=MAX_PORT,
    flag="--collector-admin-port",
)
PROMETHEUS_PORT = Setting(
    "SAMPLES_PROMETHEUS_PORT", INTEGER, "9090", "Prometheus' port.", low=1, high=MAX_PORT, flag="--prometheus-port"
)


def _port_rows(store: Store) -> tuple[Setting, Setting]:
    return (
        Setting(
            store.variable("PORT"),
            INTEGER,
            str(store.port),
            f"The port of {store.name}.",
            low=1,
            high=MAX_PORT,
            flag=f"--{store.name}-port",
        ),
        Setting(
            store.variable("ADMIN_PORT"),
            INTEGER,
            str(store.admin_port),
            f"The port of {store.name}'s /admin and metrics.",
            low=1,
            high=MAX_PORT,
            flag=f"--{store.name}-admin-port",
        ),
    )


# Of each service: its own port, its admin port.
STORE_PORTS = {store.name: _port_rows(store) for store in STORES}

DEMO_SETTINGS: tuple[Setting, ...] = (
    Setting(
        "SAMPLES_DEMO_DATA",
        PATH,
        None,
        "Keeps spans, metrics, boards and logs in this folder; unset means a temporary one that goes at the end.",
        flag="--data",
    ),
    Setting(
        "SAMPLES_DEMO_DURATION",
        DURATION,
        None,
        "Ends the demo by itself so long after everything answers; unset means at Ctrl-C.",
        low=0.1,
        high=MOST_DURATION_S,
        flag="--duration",
    ),
    LOAD_RATE,
    Setting("SAMPLES_DEMO_NO_LOAD", FLAG, "false", "Starts everything but the load.", flag="--no-load"),
    Setting("SAMPLES_DEMO_NO_PROMETHEUS", FLAG, "false", "Starts everything but Prometheus.", flag="--no-prometheus"),
    Setting(
        "SAMPLES_DEMO_SERVICES",
        LIST,
        ",".join(store.name for store in STORES),
        "The services to start.",
        flag="--services",
    ),
    Setting(
        "SPANWISE_SCRAPE_INTERVAL",
        DURATION,
        "5s",
        "How often Prometheus scrapes and evaluates rules.",
        low=0.1,
        high=60,
        flag="--scrape-interval",
    ),
    Setting(
        "SAMPLES_DEMO_START_TIMEOUT",
        DURATION,
        "60s",
        "The demo gives up when not everything answers within this time.",
        low=1,
        high=600,
        flag="--start-timeout",
    ),
    COLLECTOR_PORT,
    OTLP_PORT,
    OTLP_GRPC_PORT,
    COLLECTOR_ADMIN_PORT,
    PROMETHEUS_PORT,
    *(row for rows in STORE_PORTS.values() for row in rows),
)


def service_settings(
    name: str, argv: Sequence[str] | None = None, environ: Mapping[str, str] | None = None
) -> Settings:
    """What the service `name` runs with: flags (of `argv`, default the process's) beat environment beat defaults."""
    parser = argparse.ArgumentParser(
        prog=f"python -m spanwise_samples.{name}", description=f"The music store's {name} service."
    )
    add_flags(parser, SERVICE_SETTINGS)
    return resolve(SERVICE_SETTINGS, from_flags(SERVICE_SETTINGS, parser.parse_args(argv)), environ)


def of_service(settings: Settings, name: str, suffix: str) -> Any:
    """`LATENCY_MS` or `ERROR_RATE` of a service: its own variable, else the common one, else the service's default."""
    own = STORE_BY_NAME[name].variable(suffix)
    common = f"SAMPLES_{suffix}"
    if settings.source(own) == "default" and settings[common] is not None:
        return settings[common]
    return settings[own]
