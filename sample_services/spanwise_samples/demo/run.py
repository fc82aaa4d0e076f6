"""`spanwise demo` from beginning to end: check, start, say where everything is, watch, stop.

Signals only set a flag; every wait is short and looks at it. So nothing is interrupted half-way between starting a
child and knowing of it, and a stop takes 5 s at most.
"""

from __future__ import annotations

import shutil
import signal
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

from spanwise.command import fail
from spanwise.settings import Settings

from . import ports
from ._terminal import Screen, columns
from .answering import answers
from .children import Child, Part, start, stop
from .plan import UNWANTED_VARIABLES, Plan
from .progress import LoadFigures, describe, read_load, read_stored_spans

STEP_S = 0.1
# Services get half of the 5 s, the collector, which stores their last spans, what is left; killing is quick.
STOP_SERVICES_S = 2.5
STOP_ALL_S = 4.3
# On a terminal one line is updated each second; a log file gets one every so often.
STATUS_S = 1.0
PLAIN_LINE_S = 10.0
SHOWN_LOG_LINES = 8

NO_PROMETHEUS = (
    "Prometheus is not installed, so nothing collects metrics: apt-get install prometheus (or put a prometheus binary"
    " on the PATH), then start the demo again."
)


class NotStarted(Exception):
    """Something does not answer, so there is no demo."""


class Interrupted(Exception):
    """A signal came before everything answered."""


def run(settings: Settings) -> int:
    """Returns the exit code: 0 after a clean stop, also by a signal; 1 when something did not start."""
    kept = settings["SAMPLES_DEMO_DATA"]
    folder = Path(kept).absolute() if kept else Path(tempfile.mkdtemp(prefix="spanwise-demo-"))
    demo = Demo(Plan(settings, folder), Screen())
    try:
        demo.check()
        return demo.run()
    finally:
        if not kept:
            shutil.rmtree(folder, ignore_errors=True)


class Demo:
    """One demo. `children` is everything that was started, in that order."""

    def __init__(self, plan: Plan, screen: Screen) -> None:
        self.plan = plan
        self.screen = screen
        self.children: list[Child] = []
        self.prometheus_binary = None if plan.settings["SAMPLES_DEMO_NO_PROMETHEUS"] else shutil.which("prometheus")
        self._stopping = False
        self._began = time.monotonic()

    def check(self) -> None:
        """Raises CommandError or SettingError when the demo cannot be started."""
        trouble = ports.problems(self.plan.port_uses(with_prometheus=self.prometheus_binary is not None))
        if trouble:
            fail(trouble[0] if len(trouble) == 1 else "\n  ".join(["some ports cannot be used:", *trouble]))
        try:
            for folder in (self.plan.logs, self.plan.folder / "collector", self.plan.folder / "services"):
                folder.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            fail(f"cannot write to {self.plan.folder}: {error.strerror}. Give another folder with --data.")

    def run(self) -> int:
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
            signal.signal(number, self._stop)
        try:
            self._start_all()
            self._show_addresses()
            self._watch()
        except Interrupted:
            pass
        except NotStarted as error:
            self._say_bad(str(error))
            return 1
        finally:
            self._stop_all()
        return 0

    def _stop(self, _number: int, _frame: object) -> None:
        self._stopping = True

    # Starting

    def _start_all(self) -> None:
        """Raises NotStarted or Interrupted. The collector first: services register with it when they start."""
        until = time.monotonic() + self.plan.settings["SAMPLES_DEMO_START_TIMEOUT"]
        generate = self._start(self.plan.generate())
        self._wait_for([self._start(self.plan.collector())], until)
        waited_for = [self._start(self.plan.service(store)) for store in self.plan.services]
        self._wait_until(lambda: not generate.running, generate, until)
        if generate.process.returncode != 0:
            raise NotStarted(_obituary(generate, "could not write the dashboards"))
        self.children.remove(generate)
        if self.prometheus_binary is not None:
            waited_for.append(self._start(self.plan.prometheus(self.prometheus_binary)))
        self._wait_for(waited_for, until)
        if self.plan.has_load:
            load = self._start(self.plan.load())
            self._wait_until(lambda: read_load(load.log) is not None or not load.running, load, until)
            self._notice_death_at_start(load)

    def _start(self, part: Part) -> Child:
        try:
            child = start(part, self.plan.logs, UNWANTED_VARIABLES)
        except OSError as error:
            raise NotStarted(f"{part.name} cannot be started: {part.command[0]}: {error.strerror}") from None
        self.children.append(child)
        return child

    def _wait_for(self, children: list[Child], until: float) -> None:
        for child in children:
            for url in child.part.urls:
                self._wait_until(lambda url=url, child=child: answers(url) or not child.running, child, until)  # type: ignore[misc]
                self._notice_death_at_start(child)

    def _wait_until(self, true: Callable[[], bool], child: Child, until: float) -> None:
        while not true():
            if self._stopping:
                raise Interrupted
            if time.monotonic() > until:
                raise NotStarted(_obituary(child, "does not answer; --start-timeout sets how long to wait"))
            self.screen.status(f"starting {child.part.name} ...")
            time.sleep(STEP_S)

    def _notice_death_at_start(self, child: Child) -> None:
        if not child.running:
            raise NotStarted(_obituary(child, f"ended while it was being started ({child.ending})"))

    # Showing

    def _show_addresses(self) -> None:
        plan, screen = self.plan, self.screen
        folder = plan.settings["SAMPLES_DEMO_DATA"]
        places = [("traces", f"{plan.collector_url}/")]
        if self.prometheus_binary is not None:
            places.append(("Prometheus", f"{plan.prometheus_url}/"))
        ready = screen.good(f"everything answers after {time.monotonic() - self._began:.1f} s")
        screen.say("", f"  {screen.bold('Spanwise')}  {screen.dim('every service, side by side')}  {ready}", "")
        screen.say(*(f"  {name}  {screen.link(url)}" for name, url in columns(places)), "")
        screen.say(*self._table(), "")
        screen.say(*(f"  {name}  {screen.dim(path)}" for name, path in columns(self._folders())))
        if self.prometheus_binary is None and not plan.settings["SAMPLES_DEMO_NO_PROMETHEUS"]:
            screen.say("", f"  {NO_PROMETHEUS}")
        end = "stops everything" if folder else f"stops everything and removes {plan.folder}"
        screen.say("", f"  Ctrl-C {end}", "")

    def _table(self) -> list[str]:
        plan, screen = self.plan, self.screen
        rows = [("service", "app", "admin")]
        rows += [(store.name, f"{plan.app_url(store)}/", f"{plan.admin_url(store)}/admin") for store in plan.services]
        rows.append(("collector", f"{plan.collector_url}/", f"{plan.collector_admin_url}/admin"))
        head, *body = columns(rows)
        return [
            f"  {screen.dim('  '.join(head))}",
            *(f"  {name}  {screen.link(app)}  {screen.link(admin)}" for name, app, admin in body),
        ]

    def _folders(self) -> list[tuple[str, str]]:
        return [("dashboards", str(self.plan.dashboards)), ("logs", str(self.plan.logs))]

    # Watching

    def _watch(self) -> None:
        """Returns at a signal, or when the duration is over."""
        begin = time.monotonic()
        duration_s = self.plan.settings["SAMPLES_DEMO_DURATION"]
        every_s = STATUS_S if self.screen.is_terminal else PLAIN_LINE_S
        before: LoadFigures | None = None
        shown_at = begin
        while not self._stopping and (duration_s is None or time.monotonic() - begin < duration_s):
            time.sleep(STEP_S)
            self._notice_deaths()
            if time.monotonic() - shown_at >= every_s:
                shown_at = time.monotonic()
                before = self._show_progress(shown_at - begin, before)

    def _show_progress(self, elapsed_s: float, before: LoadFigures | None) -> LoadFigures | None:
        load = next((child for child in self.children if child.part.name == "load"), None)
        now = read_load(load.log) if load is not None and load.running else None
        line = describe(elapsed_s, now, before, read_stored_spans(self.plan.collector_admin_url))
        if self.screen.is_terminal:
            self.screen.status(f"  {line}")
        else:
            self.screen.say(line)
        return now

    def _notice_deaths(self) -> None:
        for child in self.children:
            if not child.running and not child.death_noticed:
                child.death_noticed = True
                what = f"ended by itself ({child.ending}); the others go on"
                self._say_bad(_obituary(child, what), f"    all of it: {child.log}")

    def _say_bad(self, text: str, *more: str) -> None:
        """The first line stands out."""
        first, _, rest = text.partition("\n")
        self.screen.say(self.screen.bad(first), *([rest] if rest else []), *more)

    # Stopping

    def _stop_all(self) -> None:
        began = time.monotonic()
        self.screen.status("  stopping ...")
        last = [child for child in self.children if child.part.name == "collector"]
        stop([child for child in self.children if child not in last], began + STOP_SERVICES_S)
        stop(last, began + STOP_ALL_S)
        if self.children:
            self.screen.say(f"stopped everything in {time.monotonic() - began:.1f} s")


def _obituary(child: Child, what: str) -> str:
    """One line on what happened, and the end of the log under it."""
    shown = "".join(f"\n    {line}" for line in child.last_lines(SHOWN_LOG_LINES))
    return f"{child.part.name} {what}. Its log ends with:{shown or ' nothing'}"
