"""Asking and telling a running Grafana (its HTTP API for dashboards and folders), with a time limit on every request.

The API is the one under `/api`, which Grafana 11 to 13 serve. The token of a service account goes to the given address
and nowhere else: redirections are not followed.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import requests
from requests.auth import AuthBase

from spanwise_dashboards.settings import GRAFANA_TOKEN

TIMEOUT_S = 20.0
Json = dict[str, Any]


class GrafanaError(Exception):
    """One line: what was asked, what Grafana said, what to do."""


class VersionConflict(GrafanaError):
    """Grafana has another version of the dashboard than the one that was to be replaced."""


@dataclass(frozen=True, slots=True)
class Stored:
    """A dashboard as Grafana has it: `version` counts its saves, `message` is what the newest was saved with."""

    document: Json
    folder_uid: str
    version: int
    message: str
    author: str
    provisioned: bool


class _Bearer(AuthBase):
    """As `auth`, so that a .netrc file cannot replace it."""

    def __init__(self, token: str | None) -> None:
        self._token = token

    def __call__(self, request: requests.PreparedRequest) -> requests.PreparedRequest:
        if self._token:
            request.headers["Authorization"] = f"Bearer {self._token}"
        return request


class Grafana:
    """`url` as in `http://127.0.0.1:3000`; `token` is a service account's, None asks as nobody."""

    def __init__(self, url: str, token: str | None) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()
        self._session.auth = _Bearer(token)

    def dashboard(self, uid: str) -> Stored | None:
        """None where there is none. Raises GrafanaError."""
        body = self._get(f"dashboards/uid/{quote(uid, safe='')}")
        if body is None:
            return None
        document, meta = body.get("dashboard"), body.get("meta")
        if not isinstance(document, dict) or not isinstance(meta, dict):
            raise GrafanaError(f"{self.url} does not answer like a Grafana; give its base address")
        newest = self._newest_version(uid)
        return Stored(
            document,
            str(meta.get("folderUid") or ""),
            int(document.get("version") or 0),
            # A save between the two questions: its message says nothing about the document that was read.
            str(newest.get("message", "")) if newest.get("version") == document.get("version") else "",
            str(newest.get("createdBy") or meta.get("updatedBy") or "somebody"),
            bool(meta.get("provisioned")),
        )

    def _newest_version(self, uid: str) -> Json:
        body = self._get(f"dashboards/uid/{quote(uid, safe='')}/versions?limit=1")
        listed = body.get("versions") if isinstance(body, dict) else body  # a bare list before Grafana 11
        return dict(listed[0]) if listed else {}

    def has_folder(self, uid: str) -> bool:
        return self._get(f"folders/{quote(uid, safe='')}") is not None

    def make_folder(self, uid: str, title: str) -> None:
        """Makes the folder, unless somebody was quicker. Raises GrafanaError."""
        answer = self._ask("POST", "folders", {"uid": uid, "title": title})
        if answer.status_code in (409, 412) and self.has_folder(uid):
            return
        self._refuse_unless_ok(answer, f"make the folder {uid}")

    def save(self, document: Json, version: int, folder_uid: str, message: str) -> None:
        """Creates the dashboard (`version` 0) or replaces exactly `version` of it.

        `folder_uid` is always said, because Grafana moves a dashboard that is saved without it to the root. Raises
        VersionConflict where Grafana has another version, GrafanaError for everything else.
        """
        body = {
            "dashboard": {**document, "id": None, "version": version},
            "folderUid": folder_uid,
            "message": message,
            "overwrite": False,
        }
        what = f"save the dashboard {document['uid']}"
        answer = self._ask("POST", "dashboards/db", body)
        if answer.status_code == 412 and _json(answer).get("status") == "version-mismatch":
            raise VersionConflict(f"the dashboard {document['uid']} was saved by somebody else meanwhile")
        self._refuse_unless_ok(answer, what)
        folder = _json(answer).get("folderUid")  # Grafana 10.3 and newer say where it is
        if folder is not None and folder != folder_uid:
            raise GrafanaError(f"Grafana put the dashboard {document['uid']} into the folder {folder!r} by itself")

    def _get(self, path: str) -> Any:
        """The JSON of an answer, None for a 404 that Grafana gave."""
        answer = self._ask("GET", path)
        if answer.status_code == 404 and "message" in _json(answer):
            return None
        self._refuse_unless_ok(answer, f"read {path.partition('?')[0]}")
        return answer.json()

    def _ask(self, method: str, path: str, body: Json | None = None) -> requests.Response:
        try:
            answer = self._session.request(
                method,
                f"{self.url}/api/{path}",
                json=body,
                timeout=TIMEOUT_S,
                allow_redirects=False,
            )
        except requests.Timeout:
            doubt = " It may have been saved all the same; the next run finds out." if method == "POST" else ""
            raise GrafanaError(f"Grafana at {self.url} did not answer within {TIMEOUT_S:g} s.{doubt}") from None
        except requests.RequestException as error:
            raise GrafanaError(f"cannot reach Grafana at {self.url}: {_reason(error)}. Is it running?") from None
        if answer.is_redirect:
            raise GrafanaError(f"{self.url} sends to {answer.headers['Location']}: give that base address instead")
        return answer

    def _refuse_unless_ok(self, answer: requests.Response, what: str) -> None:
        said = str(_json(answer).get("message") or answer.reason)
        if answer.status_code == 401:
            raise GrafanaError(
                f"Grafana does not accept the token ({said}): set {GRAFANA_TOKEN.variable} to a service account's token"
            )
        if answer.status_code == 403:
            raise GrafanaError(
                f"Grafana forbids to {what} ({said}): its service account needs the role Editor, or the "
                "permissions dashboards:read, dashboards:write, dashboards:create and folders:create"
            )
        if answer.status_code != 200:
            raise GrafanaError(f"Grafana refuses to {what}: {answer.status_code} {said}")
        if not _is_json(answer):
            raise GrafanaError(f"{self.url} does not answer like a Grafana; give its base address")


def _is_json(answer: requests.Response) -> bool:
    try:
        answer.json()
    except ValueError:
        return False
    return True


def _json(answer: requests.Response) -> Json:
    """The body where it is a JSON object, else nothing."""
    try:
        body = answer.json()
    except ValueError:
        return {}
    return body if isinstance(body, dict) else {}


def _reason(error: requests.RequestException) -> str:
    text = str(error)
    if "refused" in text:
        return "connection refused"
    return "it hung up" if "aborted" in text else text.splitlines()[0][:120]
