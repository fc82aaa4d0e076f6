"""A small HTTP server that answers like the documented Grafana API for dashboards and folders, and can be made to fail.

Contract: Grafana's pages "Dashboard HTTP API", "Dashboard Versions HTTP API" and "Folder HTTP API" (12 and 13). What is
not a board, a version of one, a folder or a save answers 404 as a page, as Grafana's front door does.
"""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

Json = dict[str, Any]
Answer = tuple[int, Any]
TOKEN = "glsa_test"


@dataclass
class Save:
    """One version of a board."""

    document: Json
    message: str
    author: str


@dataclass
class GrafanaState:
    """What the server holds. `fault` may answer, delay or hang up (by raising) before the server does."""

    url: str = ""
    folders: dict[str, str] = field(default_factory=dict)
    saves: dict[str, list[Save]] = field(default_factory=dict)
    folder_of: dict[str, str] = field(default_factory=dict)
    provisioned: set[str] = field(default_factory=set)
    requests: list[tuple[str, str, str]] = field(default_factory=list)
    fault: Callable[[str, str], Answer | None] = lambda method, path: None
    old_versions_list: bool = False
    forgets_to_answer: bool = False  # stores a board and hangs up
    lock: threading.Lock = field(default_factory=threading.Lock)
    ends: threading.Event = field(default_factory=threading.Event)

    @property
    def writes(self) -> int:
        return sum(method != "GET" for method, _, _ in self.requests)

    def newest(self, uid: str) -> Json:
        return self.saves[uid][-1].document

    def edit(self, uid: str, **changes: Any) -> None:
        """What a person does in the browser."""
        document = {**self.newest(uid), **changes, "version": len(self.saves[uid]) + 1}
        self.saves[uid].append(Save(document, "", "alice"))

    def answer(self, method: str, path: str, authorization: str, body: Json) -> Answer:
        if authorization != f"Bearer {TOKEN}":
            return 401, {"message": "Invalid API key" if authorization else "Unauthorized"}
        parts = urlsplit(path).path.strip("/").split("/")[1:]
        with self.lock:
            if method == "GET" and parts[:2] == ["dashboards", "uid"]:
                return self._versions(parts[2]) if parts[3:] else self._dashboard(parts[2])
            if method == "GET" and parts[0] == "folders":
                found = self.folders.get(parts[1])
                return (200, {"uid": parts[1], "title": found}) if found else (404, {"message": "folder not found"})
            if method == "POST" and parts == ["folders"]:
                if body["uid"] in self.folders:
                    return 409, {"message": "a folder with the same uid already exists"}
                self.folders[body["uid"]] = body["title"]
                return 200, {"uid": body["uid"], "title": body["title"]}
            if method == "POST" and parts == ["dashboards", "db"]:
                return self._save(body)
        return 404, "<html>not found</html>"

    def _dashboard(self, uid: str) -> Answer:
        if uid not in self.saves:
            return 404, {"message": "Dashboard not found"}
        meta = {"folderUid": self.folder_of[uid], "provisioned": uid in self.provisioned, "updatedBy": "somebody"}
        return 200, {"dashboard": self.newest(uid), "meta": meta}

    def _versions(self, uid: str) -> Answer:
        saves = self.saves.get(uid)
        if saves is None:
            return 404, {"message": "Dashboard not found"}
        listed = [{"version": len(saves), "message": saves[-1].message, "createdBy": saves[-1].author}]
        return 200, listed if self.old_versions_list else {"continueToken": "", "versions": listed}

    def _save(self, body: Json) -> Answer:
        document, uid = body["dashboard"], body["dashboard"]["uid"]
        folder = body.get("folderUid") or ""  # left out, the dashboard moves to the root
        if folder and folder not in self.folders:
            return 400, {"message": "folder not found"}
        if uid in self.provisioned:
            return 400, {"message": "Cannot save provisioned dashboard"}
        if not body.get("overwrite") and document["version"] != len(self.saves.get(uid, [])):
            return 412, {"message": "The dashboard has been changed by someone else", "status": "version-mismatch"}
        saves = self.saves.setdefault(uid, [])
        # Grafana may add what it knows better; what is stored is not always what was sent.
        stored = {**document, "id": len(self.saves), "version": len(saves) + 1, "preload": False}
        saves.append(Save(stored, body.get("message", ""), "robot"))
        self.folder_of[uid] = folder
        if self.forgets_to_answer:
            raise ConnectionAbortedError
        return 200, {"uid": uid, "version": len(saves), "status": "success", "folderUid": folder}


@contextmanager
def running_grafana() -> Iterator[GrafanaState]:
    """The server on a free port of the loopback address."""
    state = GrafanaState()

    class Handler(BaseHTTPRequestHandler):
        def _handle(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length") or 0)) or b"{}")
            authorization = self.headers.get("Authorization", "")
            state.requests.append((self.command, self.path, authorization))
            try:
                code, answer = state.fault(self.command, self.path) or state.answer(
                    self.command, self.path, authorization, body
                )
            except ConnectionAbortedError:
                self.close_connection = True
                return
            content = answer if isinstance(answer, str) else json.dumps(answer)
            self.send_response(code)
            if 300 <= code < 400:
                self.send_header("Location", content)
            self.send_header("Content-Type", "text/html" if isinstance(answer, str) else "application/json")
            self.send_header("Content-Length", str(len(content.encode())))
            self.end_headers()
            try:
                self.wfile.write(content.encode())
            except OSError:  # the client has given up
                return

        do_GET = do_POST = _handle

        def log_message(self, format: str, *arguments: Any) -> None:
            """Nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.05,))
    thread.start()
    state.url = f"http://127.0.0.1:{server.server_address[1]}"
    try:
        yield state
    finally:
        state.ends.set()
        server.shutdown()
        thread.join()
        server.server_close()


def after(saves: int, fault: Callable[[], Answer | None]) -> Callable[[str, str], Answer | None]:
    """A fault that begins at the save after so many; reading goes on."""
    seen = 0

    def decide(method: str, path: str) -> Answer | None:
        nonlocal seen
        if method != "POST" or not path.endswith("/db"):
            return None
        seen += 1
        return fault() if seen > saves else None

    return decide


def hang_up() -> Answer:
    raise ConnectionAbortedError


def never(grafana: GrafanaState) -> Callable[[], Answer | None]:
    """No answer while the server lives."""

    def wait() -> Answer:
        grafana.ends.wait(60)
        raise ConnectionAbortedError

    return wait
