"""A real Chromium for tests, driven over the DevTools protocol (https://chromedevtools.github.io/devtools-protocol/).

    def test_page(browser):
        with browser.open("http://127.0.0.1:9411/", width=390, theme="dark") as tab:
            tab.wait("document.querySelectorAll('.trace-row').length > 0")
            tab.press("ArrowDown")
            assert tab.errors == []

The fixture `browser` is in `tests/conftest.py`. Debian's `chromium` is used; without it the tests that need it fail.
"""

from __future__ import annotations

import base64
import contextlib
import json
import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.request import Request, urlopen

import websocket

START_S = 40  # a cold Chromium on a busy machine takes several seconds
ANSWER_S = 30
FLAGS = (
    "--headless=new",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--remote-debugging-port=0",
    "--remote-allow-origins=*",
)
# What DevTools calls a key, where it is not the key's own name: (code, virtual key code, text).
KEYS = {"Enter": ("Enter", 13, "\r"), " ": ("Space", 32, " "), "Tab": ("Tab", 9, ""), "Escape": ("Escape", 27, "")}
KEYS |= {
    f"Arrow{way}": (f"Arrow{way}", code, "") for way, code in (("Left", 37), ("Up", 38), ("Right", 39), ("Down", 40))
}
KEYS |= {"Home": ("Home", 36, ""), "End": ("End", 35, "")}


class Browser:
    """One headless Chromium with an empty profile."""

    def __init__(self) -> None:
        program = shutil.which("chromium")
        if program is None:
            raise RuntimeError(
                "this test needs Chromium: apt-get install chromium (`make debian` does it where it may)"
            )
        self._profile = Path(tempfile.mkdtemp(prefix="spanwise-chromium-"))
        self._process = subprocess.Popen(
            [program, *FLAGS, f"--user-data-dir={self._profile}", "about:blank"],
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        )
        self._base = f"http://127.0.0.1:{self._debugging_port()}"

    def _debugging_port(self) -> int:
        announced = self._profile / "DevToolsActivePort"
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            with contextlib.suppress(OSError, ValueError, IndexError):
                return int(announced.read_text().splitlines()[0])
            if self._process.poll() is not None:
                break
            time.sleep(0.05)
        self.close()
        raise RuntimeError(f"Chromium did not open its debugging port within {START_S} s")

    @contextlib.contextmanager
    def open(self, url: str, *, width: int = 1280, height: int = 900, theme: str = "light") -> Iterator[Tab]:
        """A tab at `url`, loaded, with a window of this size and the system theme `light` or `dark`."""
        with urlopen(Request(f"{self._base}/json/new?about:blank", method="PUT"), timeout=ANSWER_S) as answer:
            target = json.load(answer)
        tab = Tab(target["webSocketDebuggerUrl"])
        try:
            tab.prepare(width, height, theme)
            tab.go(url)
            yield tab
        finally:
            tab.close()
            urlopen(f"{self._base}/json/close/{target['id']}", timeout=ANSWER_S).close()

    def close(self) -> None:
        with contextlib.suppress(ProcessLookupError):
            # Its own session, so that renderers and helpers end with it.
            os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait(10)
        shutil.rmtree(self._profile, ignore_errors=True)


class Tab:
    """One page. `errors` collects what the page's console, its scripts and its content security policy complain of."""

    def __init__(self, address: str) -> None:
        self._socket = websocket.create_connection(address, timeout=ANSWER_S)
        self._number = 0
        self._loaded = False
        self.errors: list[str] = []

    def prepare(self, width: int, height: int, theme: str) -> None:
        for domain in ("Page", "Runtime", "Log"):
            self.command(f"{domain}.enable")
        self.resize(width, height)
        features = [
            {"name": "prefers-color-scheme", "value": theme},
            {"name": "prefers-reduced-motion", "value": "no-preference"},
        ]
        self.command("Emulation.setEmulatedMedia", features=features)

    def resize(self, width: int, height: int) -> None:
        self.command(
            "Emulation.setDeviceMetricsOverride", width=width, height=height, deviceScaleFactor=1, mobile=False
        )

    def go(self, url: str) -> None:
        """Loads a page and waits for its load event."""
        self._loaded = False
        self.command("Page.navigate", url=url)
        deadline = time.monotonic() + ANSWER_S
        while not self._loaded:
            if time.monotonic() > deadline:
                raise TimeoutError(f"{url} did not load within {ANSWER_S} s")
            self._receive()

    def command(self, method: str, **parameters: Any) -> dict[str, Any]:
        """One DevTools command and its result; events that arrive meanwhile are noted."""
        self._number += 1
        self._socket.send(json.dumps({"id": self._number, "method": method, "params": parameters}))
        while True:
            message = self._receive()
            if message.get("id") == self._number:
                if "error" in message:
                    raise RuntimeError(f"{method}: {message['error']['message']}")
                return message["result"]

    def _receive(self) -> dict[str, Any]:
        message = json.loads(self._socket.recv())
        self._note(message.get("method", ""), message.get("params", {}))
        return message

    def _note(self, method: str, event: dict[str, Any]) -> None:
        if method == "Page.loadEventFired":
            self._loaded = True
        elif method == "Runtime.exceptionThrown":
            details = event["exceptionDetails"]
            self.errors.append(details.get("exception", {}).get("description") or details["text"])
        elif method == "Runtime.consoleAPICalled" and event["type"] in ("error", "warning", "assert"):
            self.errors.append(" ".join(str(argument.get("value")) for argument in event["args"]))
        elif method == "Log.entryAdded" and event["entry"]["level"] in ("error", "warning"):
            self.errors.append(f"{event['entry']['text']} {event['entry'].get('url', '')}".strip())

    def evaluate(self, expression: str) -> Any:
        """The value of a JavaScript expression (awaited when it is a promise), as Python data."""
        answer = self.command("Runtime.evaluate", expression=expression, returnByValue=True, awaitPromise=True)
        if "exceptionDetails" in answer:
            details = answer["exceptionDetails"]
            raise RuntimeError(f"{expression}: {details.get('exception', {}).get('description', details['text'])}")
        return answer["result"].get("value")

    def wait(self, expression: str, timeout_s: float = 10.0) -> Any:
        """Evaluates until the value is true, and returns it."""
        deadline = time.monotonic() + timeout_s
        while True:
            value = self.evaluate(expression)
            if value:
                return value
            if time.monotonic() > deadline:
                raise AssertionError(f"not true within {timeout_s:g} s: {expression}")
            time.sleep(0.05)

    def press(self, key: str) -> None:
        code, number, text = KEYS.get(key) or (key, ord(key.upper()), key)
        parameters = {"key": key, "code": code, "windowsVirtualKeyCode": number}
        self.command("Input.dispatchKeyEvent", type="keyDown", text=text, **parameters)
        self.command("Input.dispatchKeyEvent", type="keyUp", **parameters)

    def type(self, text: str) -> None:
        """Writes into what has the focus."""
        self.command("Input.insertText", text=text)

    def point(self, x: float, y: float) -> None:
        """Moves the mouse there."""
        self.command("Input.dispatchMouseEvent", type="mouseMoved", x=x, y=y)

    def click(self, selector: str) -> None:
        """Clicks the middle of the first element that matches, as soon as there is one."""
        self.wait(f"document.querySelector({json.dumps(selector)}) !== null")
        box = f"(() => {{ const b = document.querySelector({json.dumps(selector)}).getBoundingClientRect();"
        x, y = self.evaluate(f"{box} return [b.x + b.width / 2, b.y + b.height / 2]; }})()")
        self.point(x, y)
        for kind in ("mousePressed", "mouseReleased"):
            self.command("Input.dispatchMouseEvent", type=kind, x=x, y=y, button="left", clickCount=1)

    def screenshot(self, path: str | Path) -> None:
        image = self.command("Page.captureScreenshot", format="png")["data"]
        Path(path).write_bytes(base64.b64decode(image))

    def close(self) -> None:
        self._socket.close()
