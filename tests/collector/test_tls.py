"""TLS on every port of a collector, as a user sets it up, and what each kind of sender then does."""

from __future__ import annotations

import http.client
import os
import shutil
import socket
import ssl
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from urllib.parse import urlsplit

import grpc
import pytest
from opentelemetry.exporter.otlp.proto.grpc.trace_exporter import OTLPSpanExporter as GrpcSpanExporter
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor, SpanExporter, SpanExportResult
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from spanwise.settings import SettingError, resolve
from spanwise_collector.settings import SETTINGS
from spanwise_collector.tls import Tls, tls_from
from tests.certificates import make_certificate, make_ended_certificate
from tests.collector.conftest import CollectorFactory
from tests.collector.otlp_requests import new_trace_id, payload, span
from tests.collector.running_collector import COMMAND, RunningCollector, wait_for
from tests.collector.test_otlp_grpc import EXPORT

Files = tuple[str, str]


@pytest.fixture(scope="module")
def live(certificate: Files, tmp_path_factory: pytest.TempPathFactory) -> Files:
    """The files that the collector reads; a test may replace them, and puts them back."""
    folder = tmp_path_factory.mktemp("live")
    return str(shutil.copy(certificate[0], folder / "live.pem")), str(shutil.copy(certificate[1], folder / "live.key"))


@pytest.fixture(scope="module")
def secured(live: Files, certificate: Files, tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningCollector]:
    flags = ("--tls-cert", live[0], "--tls-key", live[1])
    trust = ssl.create_default_context(cafile=certificate[0])
    running = RunningCollector(tmp_path_factory.mktemp("secured") / "data", *flags, tls=trust).start()
    yield running
    running.stop()


def test_the_addresses_say_https_and_the_log_has_no_key(secured: RunningCollector, certificate: Files) -> None:
    for address in (secured.url, secured.otlp_url, secured.otlp_grpc):
        assert address.startswith("https://")
        assert address in secured.log
    assert Path(certificate[1]).read_text().splitlines()[1] not in secured.log
    assert secured.get("/api/spanwise/services").status == 200


def test_a_browsers_post_over_tls_is_of_the_same_origin(secured: RunningCollector) -> None:
    trace_id = new_trace_id()
    secured.send(payload(span(trace_id=trace_id)))
    secured.trace(trace_id)
    connection = http.client.HTTPSConnection(urlsplit(secured.url).netloc, timeout=30, context=secured.tls)
    connection.request("PUT", f"/api/spanwise/traces/{trace_id}/pin", headers={"Origin": secured.url})
    assert connection.getresponse().status < 300
    connection.close()


def finished_spans() -> list[object]:
    memory = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(memory))
    tracer = provider.get_tracer("t")
    with tracer.start_as_current_span("parent"), tracer.start_as_current_span("child"):
        pass
    return list(memory.get_finished_spans())


def http_exporter(running: RunningCollector, trusted: str) -> SpanExporter:
    return OTLPSpanExporter(f"{running.otlp_url}/v1/traces", certificate_file=trusted)


def grpc_exporter(running: RunningCollector, trusted: str) -> SpanExporter:
    return GrpcSpanExporter(running.otlp_grpc, credentials=grpc.ssl_channel_credentials(Path(trusted).read_bytes()))


@pytest.mark.parametrize("made", [http_exporter, grpc_exporter])
def test_opentelemetrys_exporters_deliver(
    secured: RunningCollector,
    certificate: Files,
    made: Callable[[RunningCollector, str], SpanExporter],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):  # in requests they beat what the exporter was given
        monkeypatch.delenv(name, raising=False)
    spans = finished_spans()
    exporter = made(secured, certificate[0])
    assert exporter.export(spans) is SpanExportResult.SUCCESS  # type: ignore[arg-type]
    exporter.shutdown()
    trace_id = format(spans[0].context.trace_id, "032x")  # type: ignore[attr-defined]
    wait_for(lambda: len(secured.trace(trace_id)["spans"]) == 2, what="both spans")


_SERVICE = """
import sys, spanwise
from opentelemetry import trace
one = spanwise.instrument(service="over-tls", sample_rate=1.0)
with trace.get_tracer("t").start_as_current_span("said over TLS") as span:
    trace_id = format(span.get_span_context().trace_id, "032x")
sys.stdin.readline()
one.shutdown(5)
print(trace_id)
"""


def test_our_exporter_the_heartbeat_and_the_policy(
    secured: RunningCollector, certificate: Files, tmp_path: Path
) -> None:
    script = tmp_path / "service.py"
    script.write_text(_SERVICE)
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("SPANWISE_", "OTEL_"))}
    environ |= {
        "SPANWISE_COLLECTOR_URL": secured.url,
        "OTEL_EXPORTER_OTLP_CERTIFICATE": certificate[0],
        "SPANWISE_ADMIN_PORT": "0",
        "SPANWISE_ADMIN_HOST": "127.0.0.1",
    }
    service = subprocess.Popen(
        [sys.executable, str(script)],
        env=environ,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )

    def registered() -> bool:
        instances = secured.get("/api/spanwise/instances").json["instances"]
        return any(one["identity"]["service.name"] == "over-tls" for one in instances)

    try:
        wait_for(registered, 30, "the heartbeat")
    finally:
        out, err = service.communicate("go on\n", timeout=60)
    assert service.returncode == 0, err
    assert "does not answer" not in err and "CERTIFICATE" not in err, err
    assert secured.trace(out.split()[-1])["spans"][0]["name"] == "said over TLS"


def test_spanwise_traces_in_the_terminal(secured: RunningCollector, certificate: Files) -> None:
    trace_id = new_trace_id()
    secured.send(payload(span(trace_id=trace_id)))
    secured.trace(trace_id)
    command = [*COMMAND, "traces", "show", trace_id, "--collector", secured.url]
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("SPANWISE_", "OTEL_"))}
    trusting = subprocess.run(
        [*command, "--ca-file", certificate[0]], env=environ, capture_output=True, text=True, timeout=60
    )
    assert trusting.returncode == 0, trusting.stderr
    assert trace_id in trusting.stdout
    stranger = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert stranger.returncode == 3
    assert "certificate verify failed" in stranger.stderr and "--ca-file" in stranger.stderr


def exported(running: RunningCollector, trusted: str, own: Files | None = None) -> None:
    """Over a new connection, with our own certificate where there is one. Raises grpc.RpcError."""
    shown, key = (Path(path).read_bytes() for path in own) if own else (None, None)
    credentials = grpc.ssl_channel_credentials(Path(trusted).read_bytes(), key, shown)
    options = [("grpc.use_local_subchannel_pool", 1)]
    with grpc.secure_channel(running.otlp_grpc.removeprefix("https://"), credentials, options=options) as channel:
        channel.unary_unary(EXPORT)(payload(span()), timeout=20)


def test_a_renewed_certificate_needs_no_restart(
    secured: RunningCollector, live: Files, certificate: Files, tmp_path: Path
) -> None:
    exported(secured, certificate[0])
    renewed = make_certificate(tmp_path, "renewed")
    try:
        for path, source in zip(live, renewed, strict=True):
            shutil.copy(source, path)
        exported(secured, renewed[0])
        with pytest.raises(grpc.RpcError):
            exported(secured, certificate[0])
    finally:
        for path, source in zip(live, certificate, strict=True):
            shutil.copy(source, path)
    exported(secured, certificate[0])
    assert "is read again" in secured.log
    assert secured.get("/livez").status == 200


def test_silent_connections_to_grpc_harm_nobody(secured: RunningCollector, certificate: Files) -> None:
    parts = urlsplit(secured.otlp_grpc)
    silent = [socket.create_connection((parts.hostname, parts.port), timeout=20) for _ in range(200)]
    try:
        exported(secured, certificate[0])
    finally:
        for each in silent:
            each.close()


def test_mutual_tls_on_every_port(
    new_collector: CollectorFactory, certificate: Files, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    own = make_certificate(tmp_path, "own")
    trust = ssl.create_default_context(cafile=certificate[0])
    trust.load_cert_chain(*own)
    flags = ("--tls-cert", certificate[0], "--tls-key", certificate[1], "--tls-client-ca", own[0])
    running = new_collector(*flags, tls=trust).start()
    for name in ("REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE"):
        monkeypatch.delenv(name, raising=False)
    files = {"certificate_file": certificate[0], "client_certificate_file": own[0], "client_key_file": own[1]}
    exporter = OTLPSpanExporter(f"{running.otlp_url}/v1/traces", **files)
    assert exporter.export(finished_spans()) is SpanExportResult.SUCCESS  # type: ignore[arg-type]
    exporter.shutdown()
    with pytest.raises(grpc.RpcError):
        exported(running, certificate[0])
    exported(running, certificate[0], own)
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CERTIFICATE", certificate[0])
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CLIENT_CERTIFICATE", own[0])
    monkeypatch.setenv("OTEL_EXPORTER_OTLP_CLIENT_KEY", own[1])
    command = [*COMMAND, "traces", "services", "--collector", running.url]
    assert subprocess.run(command, capture_output=True, text=True, timeout=60).returncode in (0, 1)


def start_fails(*flags: str, tmp_path: Path) -> str:
    """What it says at last."""
    command = [*COMMAND, "collector", "--data", str(tmp_path / "data"), "--port", "0", *flags]
    environ = {key: value for key, value in os.environ.items() if not key.startswith(("SPANWISE_", "OTEL_"))}
    done = subprocess.run(command, env=environ, capture_output=True, text=True, timeout=60)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    return done.stderr.splitlines()[-1]


def test_a_certificate_without_its_key_is_one_line(certificate: Files, tmp_path: Path) -> None:
    line = start_fails("--tls-cert", certificate[0], tmp_path=tmp_path)
    assert "--tls-key is not set: TLS needs both" in line


def test_files_that_cannot_be_used_are_named(certificate: Files, tmp_path: Path) -> None:
    good, key = (Path(path) for path in certificate)
    other = Path(make_certificate(tmp_path, "other")[1])
    empty, locked = tmp_path / "empty", tmp_path / "locked.key"
    empty.write_text("")
    command = ["openssl", "rsa", "-aes128", "-passout", "pass:x", "-in", str(key), "-out", str(locked)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    for files, said in (
        ((tmp_path / "none", key), r"none cannot be read: No such file or directory \(--tls-cert\)"),
        ((good, tmp_path), r"cannot be read: Is a directory \(--tls-key\)"),
        ((empty, key), r"empty cannot be used: it holds no certificate \(--tls-cert\)"),
        ((good, good), r"holds no private key in PEM \(--tls-key\)"),
        ((good, other), r"other\.key does not belong to the certificate .*cert\.pem"),
        ((good, locked), r"has a passphrase, and nobody to type it"),
        ((good, key, empty), r"empty holds no certificate \(--tls-client-ca\)"),
    ):
        with pytest.raises(SettingError, match=said):
            Tls(*(str(file) for file in files))


def test_a_certificate_that_has_ended_is_used_and_warned_of(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    certificate, key = make_ended_certificate(tmp_path)
    assert Tls(certificate, key).context() is not None
    assert "has ended: clients that check it refuse to connect since 2021-01-01 00:00 UTC" in caplog.text


def test_clients_authorities_need_a_certificate_too(certificate: Files) -> None:
    settings = resolve(SETTINGS, {"SPANWISE_COLLECTOR_TLS_CLIENT_CA": certificate[0]}, environ={})
    with pytest.raises(SettingError, match="--tls-cert is not set"):
        tls_from(settings)
    assert tls_from(resolve(SETTINGS, environ={})) is None
