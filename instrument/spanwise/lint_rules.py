"""The rules that every service has. Each looks at the process as it is now; none changes or imports anything."""

from __future__ import annotations

import datetime
import faulthandler
import gc
import json
import logging
import os
import ssl
import sys
import threading
import tracemalloc
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import TYPE_CHECKING

from spanwise import cardinality, cgroup
from spanwise.health import HEALTH, Kind
from spanwise.lint import lint_rule
from spanwise.standard import UNKNOWN

if TYPE_CHECKING:
    from prometheus_client import CollectorRegistry

    from spanwise.service import Instrumentation

_CONFIGURATION, _PERFORMANCE, _SECURITY, _TELEMETRY = "Configuration", "Performance", "Security", "Telemetry"
_FEW_FILES = 4096
_FULL_SHARE = 0.8
_MANY_THREADS = 200
_SHORT_TOKEN = 16
_DAYS_OF_CERTIFICATE = 21
_HIGH_RECURSION = 10_000
# devguide.python.org/versions: the month after which a branch gets no security fixes.
_END_OF_LIFE = {(3, 9): (2025, 10), (3, 10): (2026, 10), (3, 11): (2027, 10), (3, 12): (2028, 10), (3, 13): (2029, 10)}


@lint_rule("debug-mode", category=_SECURITY, name="Debug mode")
def debug_mode() -> Iterator[str]:
    """A web framework's debug mode shows code and variables to whoever makes it fail, and is slow."""
    for variable in ("FLASK_DEBUG", "DJANGO_DEBUG"):
        if os.environ.get(variable, "").lower() in ("1", "true", "yes", "on"):
            yield f"{variable} is on"
    django = sys.modules.get("django.conf")
    if django is not None and django.settings.configured and getattr(django.settings, "DEBUG", False):
        yield "Django's settings.DEBUG is on"
    if getattr(_instrumented_app(), "debug", False) is True:
        yield "the application's debug attribute is on"


@lint_rule("asyncio-debug", category=_PERFORMANCE, name="asyncio debug mode")
def asyncio_debug() -> Iterator[str]:
    """asyncio's debug mode and Python's development mode cost every coroutine a stack trace."""
    if os.environ.get("PYTHONASYNCIODEBUG"):
        yield "PYTHONASYNCIODEBUG is set"
    if sys.flags.dev_mode:
        yield "Python runs in development mode (-X dev or PYTHONDEVMODE)"


@lint_rule("faulthandler-off", category=_CONFIGURATION, name="No stack traces of crashes")
def faulthandler_off() -> Iterator[str]:
    """Without faulthandler a crash in a C extension leaves no Python stack: set PYTHONFAULTHANDLER=1."""
    if not faulthandler.is_enabled():
        yield "faulthandler is not enabled"


@lint_rule("asserts-off", category=_CONFIGURATION, name="Assertions are off")
def asserts_off() -> Iterator[str]:
    """With PYTHONOPTIMIZE or -O every assert is gone, also those that libraries rely on."""
    if sys.flags.optimize:
        yield f"Python optimizes at level {sys.flags.optimize}"


@lint_rule("few-files", category=_CONFIGURATION, name="Few file descriptors")
def few_files() -> Iterator[str]:
    """A service that runs out of file descriptors accepts no connection: raise `ulimit -n`."""
    try:
        import resource
    except ImportError:
        return
    soft, _ = resource.getrlimit(resource.RLIMIT_NOFILE)
    if soft == resource.RLIM_INFINITY:
        return
    if soft < _FEW_FILES:
        yield f"only {soft} files may be open at a time"
    folder = Path("/proc/self/fd")
    used = sum(1 for _ in folder.iterdir()) if folder.is_dir() else 0
    if used > soft * _FULL_SHARE:
        yield f"{used} of {soft} files are open"


@lint_rule("cpu-throttled", category=_PERFORMANCE, name="Held back by the CPU limit")
def cpu_throttled() -> Iterator[str]:
    """A container at its CPU limit stands still for the rest of each period, which no metric of the service shows."""
    use = cgroup.cpu_use()
    if use is not None and use.throttled > use.periods * 0.05:
        yield f"held back in {use.throttled} of {use.periods} periods, {use.throttled_s:.1f} s in total"


@lint_rule("many-threads", category=_PERFORMANCE, name="Many threads")
def many_threads() -> Iterator[str]:
    """Threads that all want the interpreter lock make each other late, and each has a stack of its own."""
    alive = threading.active_count()
    if alive > _MANY_THREADS:
        yield f"{alive} threads are alive"


@lint_rule("blocked-loop", category=_PERFORMANCE, name="A call that blocks the event loop")
def blocked_loop() -> Iterator[str]:
    """A call that waits without await (time.sleep, requests, a driver that is not async) holds up all others."""
    from collections import Counter

    from spanwise.diagnosis.blocks import blocked_by, blocks

    for place, number in Counter(blocked_by(each) for each in blocks()).most_common():
        if place:
            yield f"{place}: {number} times lately" if number > 1 else f"{place}: once lately"


@lint_rule("more-workers-than-processors", category=_PERFORMANCE, name="More workers than processors")
def more_workers_than_processors() -> Iterator[str]:
    """Workers beyond the CPU limit only take turns, each with its own memory; threads wait for less."""
    current, limit = _current(), cgroup.cpu_limit() or float(os.cpu_count() or 1)
    workers = len(current.workers.siblings()) if current is not None else 0
    # The usual rule of twice the processors and one more is for workers that wait; twice that helps nobody.
    if workers > 4 * limit + 1:
        yield f"{workers} workers share {limit:g} processors"


@lint_rule("duplicate-handlers", category=_CONFIGURATION, name="Lines logged twice")
def duplicate_handlers() -> Iterator[str]:
    """A logger with a handler that its parents have as well writes each line twice; set propagate to False."""
    for name, logger in logging.root.manager.loggerDict.copy().items():
        if not isinstance(logger, logging.Logger) or not logger.handlers or not logger.propagate:
            continue
        own = {_target(handler) for handler in logger.handlers}
        parent: logging.Logger | None = logger.parent
        while parent is not None:
            if own & {_target(handler) for handler in parent.handlers}:
                yield f"{name} and {parent.name} write to the same place"
                break
            parent = parent.parent if parent.propagate else None


@lint_rule("no-log-handler", category=_CONFIGURATION, name="Nobody writes the log")
def no_log_handler() -> Iterator[str]:
    """Without a handler only warnings are printed, without time and logger: call logging.basicConfig."""
    loggers = [each for each in logging.root.manager.loggerDict.copy().values() if isinstance(each, logging.Logger)]
    if not logging.root.handlers and not any(each.handlers for each in loggers):
        yield "no logger has a handler"


@lint_rule("debug-logging", category=_PERFORMANCE, name="Everything is logged")
def debug_logging() -> Iterator[str]:
    """Libraries log much at DEBUG, secrets among it; set it for one logger and a while at /admin/logging."""
    if 0 < logging.root.level <= logging.DEBUG:
        yield "the root logger's level is DEBUG"


@lint_rule("gc-off", category=_PERFORMANCE, name="No garbage collection")
def gc_off() -> Iterator[str]:
    """Without the collector, objects that refer to each other are never freed."""
    if not gc.isenabled():
        yield "the garbage collector is disabled"
    if gc.get_debug():
        yield "the garbage collector's debug flags are set"


@lint_rule("tls-not-verified", category=_SECURITY, name="Certificates are not verified")
def tls_not_verified() -> Iterator[str]:
    """A client that does not verify certificates talks to whoever answers."""
    if os.environ.get("PYTHONHTTPSVERIFY") == "0":
        yield "PYTHONHTTPSVERIFY=0"
    if ssl._create_default_https_context is ssl._create_unverified_context:
        yield "ssl's default context is the unverified one"
    if os.environ.get("NODE_TLS_REJECT_UNAUTHORIZED") == "0" or os.environ.get("CURL_CA_BUNDLE") == "":
        yield "the environment switches verification off"


@lint_rule("root-user", category=_SECURITY, name="Runs as root")
def root_user() -> Iterator[str]:
    """Whoever breaks into a service that runs as root has the machine or the container."""
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        yield "the effective user is root"


@lint_rule("short-token", category=_SECURITY, name="Short admin token")
def short_token() -> Iterator[str]:
    """The admin token opens everything here from anywhere: make it at least 16 characters of randomness."""
    token = _setting("SPANWISE_ADMIN_TOKEN")
    if token is not None and len(token) < _SHORT_TOKEN:
        yield f"SPANWISE_ADMIN_TOKEN has {len(token)} characters"


@lint_rule("certificate-ends", category=_SECURITY, name="A certificate ends soon")
def certificate_ends() -> Iterator[str]:
    """When the admin port's certificate ends, nobody who checks it gets in; a renewed one needs no restart."""
    from spanwise.admin.certificates import ends_at

    path = _setting("SPANWISE_ADMIN_TLS_CERT_FILE")
    if path is None:
        return
    try:
        left = ends_at(path) - datetime.datetime.now(datetime.timezone.utc)
    except (OSError, ValueError) as error:
        yield f"the certificate of the admin port cannot be read: {getattr(error, 'strerror', None) or error}"
        return
    if left.days < _DAYS_OF_CERTIFICATE:
        when = f"ends in {left.days} days" if left.days >= 0 else "has ended"
        yield f"the certificate of the admin port {when}"


@lint_rule("python-end-of-life", category=_SECURITY, name="Python without security fixes")
def python_end_of_life() -> Iterator[str]:
    """A branch of Python after its end of life gets no security fixes."""
    version = sys.version_info[:2]
    year, month = _END_OF_LIFE.get(version, (0, 0) if version < min(_END_OF_LIFE) else (9999, 12))
    today = datetime.datetime.now(datetime.timezone.utc).date()
    if (today.year, today.month) > (year, month):
        yield f"Python {version[0]}.{version[1]} has had no fixes since {year}-{month:02}"


@lint_rule("fixed-hash-seed", category=_SECURITY, name="Fixed hash seed")
def fixed_hash_seed() -> Iterator[str]:
    """With PYTHONHASHSEED=0 a client can choose keys that make dictionaries slow."""
    if os.environ.get("PYTHONHASHSEED") == "0":
        yield "PYTHONHASHSEED=0"


@lint_rule("tracing-hooks", category=_PERFORMANCE, name="A debugger or coverage is attached")
def tracing_hooks() -> Iterator[str]:
    """A trace or profile function is called for every line or call of the service."""
    trace = getattr(threading, "gettrace", lambda: None)()
    profile = getattr(threading, "getprofile", lambda: None)()
    for name, hook in (("trace", trace), ("profile", profile)):
        if hook is not None:
            yield f"threads have a {name} function: {getattr(hook, '__module__', type(hook).__module__)}"
    if tracemalloc.is_tracing():
        yield "tracemalloc is on: every allocation is recorded"


@lint_rule("recursion-limit", category=_CONFIGURATION, name="High recursion limit")
def recursion_limit() -> Iterator[str]:
    """A limit beyond what the thread's stack holds turns a RecursionError into a crash."""
    if sys.getrecursionlimit() > _HIGH_RECURSION:
        yield f"the recursion limit is {sys.getrecursionlimit()}"


@lint_rule("spans-dropped", category=_TELEMETRY, name="Spans are lost")
def spans_dropped() -> Iterator[str]:
    """Traces with holes mislead: the collector is away or slow, or the queue (OTEL_BSP_MAX_QUEUE_SIZE) too small."""
    for reason, number in _samples("otel_sdk_exporter_span_dropped_total", "reason"):
        if number:
            yield f"{number:.0f} spans were dropped: {reason}"


@lint_rule("metric-cardinality", category=_TELEMETRY, name="A label with too many values")
def metric_cardinality() -> Iterator[str]:
    """A label whose values are ids or paths makes series without end; further ones are counted together."""
    for name in cardinality.folded():
        yield f"{name} has more label sets than SPANWISE_MAX_LABEL_SETS"


@lint_rule("never-emitted", category=_TELEMETRY, name="Declared and never emitted")
def never_emitted() -> Iterator[str]:
    """A metric of the service that nothing ever counted: its panel stays empty, and perhaps a call is missing."""
    from spanwise import metrics
    from spanwise.admin.emitted import never_emitted_names
    from spanwise.silence import silent_objectives

    for name in never_emitted_names(_registry(), metrics.declared()):
        yield f"{name} was never counted"
    counted = {name for name, number in _samples("slo_events_total", "slo") if number}
    for name in silent_objectives():
        if name not in counted:  # by another worker
            yield f"no event of the SLO {name} was counted"


@lint_rule("multiprocess-folder", category=_TELEMETRY, name="prometheus-client's multiprocess mode")
def multiprocess_folder() -> Iterator[str]:
    """PROMETHEUS_MULTIPROC_DIR makes every counter a file; leftovers of dead processes are counted again."""
    folder = os.environ.get("PROMETHEUS_MULTIPROC_DIR")
    if not folder:
        return
    yield "PROMETHEUS_MULTIPROC_DIR is set: Spanwise merges its workers without it"
    if Path("/proc/self").is_dir() and Path(folder).is_dir():
        pids = {path.stem.rpartition("_")[2] for path in Path(folder).glob("*.db")}
        dead = sorted(pid for pid in pids if pid.isdigit() and not Path(f"/proc/{pid}").exists())
        if dead:
            yield f"files of {len(dead)} dead processes are there"


@lint_rule("identity", category=_TELEMETRY, name="Who this service is")
def identity() -> Iterator[str]:
    """Versions and environments can only be compared when every instance says its own."""
    current = _current()
    for attribute, how in (
        ("service.version", "instrument(version=...) or OTEL_RESOURCE_ATTRIBUTES"),
        ("deployment.environment.name", "instrument(environment=...) or OTEL_RESOURCE_ATTRIBUTES"),
    ):
        if current is not None and current.identity.attributes.get(attribute, UNKNOWN) == UNKNOWN:
            yield f"{attribute} is unknown: {how}"


@lint_rule("no-readiness-check", category=_CONFIGURATION, name="No readiness check")
def no_readiness_check() -> Iterator[str]:
    """Without a check the service is ready as soon as it runs, also while its database is away."""
    if not HEALTH.results(Kind.READINESS):
        yield '@spanwise.readiness("name") declares one'


@lint_rule("no-objective", category=_TELEMETRY, name="No service level objective")
def no_objective() -> Iterator[str]:
    """Alerts and error budgets come from declared objectives: spanwise.slo("availability", objective=0.999)."""
    from spanwise.objectives import objectives

    if not objectives():
        yield "no objective is declared"


@lint_rule("editable-installs", category=_CONFIGURATION, name="Editable installs")
def editable_installs() -> Iterator[str]:
    """Code that runs from a working folder changes under the service when somebody edits it."""
    for each in metadata.distributions():
        direct = each.read_text("direct_url.json")
        if direct and json.loads(direct).get("dir_info", {}).get("editable"):
            yield f"{each.metadata['Name']} is installed in editable form"


@lint_rule("duplicate-distributions", category=_CONFIGURATION, name="A package installed twice")
def duplicate_distributions() -> Iterator[str]:
    """Two versions of a package on the path: which one is imported depends on its order."""
    found: dict[str, set[str]] = {}
    for each in metadata.distributions():
        name = (each.metadata["Name"] or "").lower().replace("_", "-")
        found.setdefault(name, set()).add(each.version)
    for name, versions in sorted(found.items()):
        if len(versions) > 1:
            yield f"{name} is installed as {' and '.join(sorted(versions))}"


def _target(handler: logging.Handler) -> object:
    """What the handler writes to: its stream or file, else itself."""
    return getattr(handler, "baseFilename", None) or id(getattr(handler, "stream", handler))


def _current() -> Instrumentation | None:
    from spanwise import service

    return service.current()


def _instrumented_app() -> object:
    current = _current()
    return None if current is None else current.app


def _setting(variable: str) -> str | None:
    current = _current()
    return None if current is None else current.settings[variable]


def _registry() -> CollectorRegistry:
    from prometheus_client import REGISTRY

    return REGISTRY


def _samples(metric: str, label: str) -> list[tuple[str, float]]:
    from spanwise.exposition import families

    return [
        (sample.labels.get(label, ""), sample.value)
        for family in families(_registry())
        for sample in family.samples
        if sample.name == metric
    ]
