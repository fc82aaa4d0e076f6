"""What every service of the store has in common: a Flask app with errors in JSON, and the server that runs it."""

from __future__ import annotations

import atexit
import logging
import shutil
import signal
import sqlite3
import sys
import tempfile
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, NoReturn, cast
from urllib.parse import urlsplit

from flask import Blueprint, Flask, Response, current_app, jsonify, request
from waitress import create_server
from werkzeug.exceptions import HTTPException, InternalServerError

from spanwise.settings import SettingError, Settings

from .behaviour import Behaviour, PretendedError
from .database import Database
from .peers import Answer, Peer, PeerDown
from .settings import STORE_BY_NAME, service_settings

LOG_FORMAT = "%(asctime)s %(levelname)s %(name)s: %(message)s"


class Refused(Exception):
    """Ends a request with this status and this one line for the caller."""

    def __init__(self, status: int, message: str) -> None:
        super().__init__(message)
        self.status = status


def refuse(status: int, message: str) -> NoReturn:
    raise Refused(status, message)


def create_app(
    name: str, routes: Blueprint, settings: Settings, peers: Iterable[str] = (), database: Database | None = None
) -> Flask:
    """The app of the service `name`; its handlers find what they need by `work`, `peer`, `database` and `setting`."""
    app = Flask(name, static_folder=None)
    app.json.sort_keys = False  # type: ignore[attr-defined]
    app.register_blueprint(routes)
    app.add_url_rule("/", "index", _index)
    app.extensions["behaviour"] = Behaviour.of(name, settings)
    app.extensions["settings"] = settings
    app.extensions["database"] = database
    app.extensions["peers"] = {
        peer: Peer(peer, settings[STORE_BY_NAME[peer].variable("URL")], settings["SAMPLES_TIMEOUT"]) for peer in peers
    }
    app.register_error_handler(Refused, _refused)
    app.register_error_handler(PeerDown, _peer_down)
    app.register_error_handler(PretendedError, _pretended)
    app.register_error_handler(sqlite3.Error, _database_down)
    app.register_error_handler(HTTPException, _http_error)
    return app


def work(times: float = 1.0) -> None:
    """Pretends to work on the request; see `Behaviour.work`."""
    cast(Behaviour, current_app.extensions["behaviour"]).work(times)


def peer(name: str) -> Peer:
    return cast(Peer, current_app.extensions["peers"][name])


def database() -> Database:
    return cast(Database, current_app.extensions["database"])


def setting(variable: str) -> Any:
    return current_app.extensions["settings"][variable]


def pass_on(answer: Answer) -> tuple[Response, int]:
    """A peer's answer as our own."""
    return jsonify(answer.body), answer.status


def whole_number(text: Any, name: str, low: int, high: int) -> int:
    """A parameter or JSON field as a number in its range; refuses the request with 400 otherwise."""
    try:
        if isinstance(text, (bool, float)):
            raise ValueError
        number = int(text)
    except (TypeError, ValueError):
        refuse(400, f"{name} must be a whole number, not {text!r}")
    if not low <= number <= high:
        refuse(400, f"{name} must be between {low} and {high}, not {number}")
    return number


def json_body() -> dict[str, Any]:
    body = request.get_json(silent=True)
    if not isinstance(body, dict):
        refuse(400, "the body must be a JSON object, sent with Content-Type: application/json")
    return body


def _index() -> Response:
    """The service's own routes, for whoever opens it in a browser."""
    rules = [
        f"{method} {rule.rule}"
        for rule in current_app.url_map.iter_rules()
        for method in sorted((rule.methods or set()) - {"HEAD", "OPTIONS"})
        if rule.endpoint != "index"
    ]
    return jsonify(service=current_app.name, routes=sorted(rules))


def _error(status: int, message: str) -> Response:
    response = jsonify(error=message)
    response.status_code = status
    if status == 503:
        response.headers["Retry-After"] = "1"
    return response


def _refused(error: Exception) -> Response:
    return _error(cast(Refused, error).status, str(error))


def _peer_down(error: Exception) -> Response:
    return _error(cast(PeerDown, error).status, str(error))


def _pretended(_error_: Exception) -> Response:
    return _error(500, f"{current_app.name} failed; samples do that at the rate of SAMPLES_ERROR_RATE")


def _database_down(error: Exception) -> Response:
    current_app.logger.error("the database cannot be used: %s", error)
    return _error(503, f"{current_app.name} cannot use its database")


def _http_error(error: Exception) -> Response:
    known = error if isinstance(error, HTTPException) else InternalServerError()
    return _error(known.code or 500, known.description or known.name)


def data_folder(settings: Settings) -> Path:
    """The folder for SQLite files: the one that is set, else a temporary one that goes when the process ends."""
    if settings["SAMPLES_DATA"] is not None:
        folder = Path(settings["SAMPLES_DATA"])
        folder.mkdir(parents=True, exist_ok=True)
        return folder
    folder = Path(tempfile.mkdtemp(prefix="spanwise-samples-"))
    atexit.register(shutil.rmtree, folder, ignore_errors=True)
    return folder


def start(name: str, argv: Sequence[str] | None) -> Settings:
    """Logging and the settings of the service `name`; a wrong one ends the process with its one line and code 2."""
    logging.basicConfig(level=logging.INFO, format=LOG_FORMAT)
    logging.getLogger("waitress.queue").setLevel(logging.ERROR)  # it warns each time all threads are busy
    try:
        return service_settings(name, argv)
    except SettingError as error:
        sys.stderr.write(f"{name}: {error}\n")
        raise SystemExit(2) from None


def _stop(_signal: int, _frame: object) -> NoReturn:
    raise SystemExit(0)


def serve(app: Flask, settings: Settings) -> int:
    """Serves until SIGTERM or Ctrl-C; returns the exit code (2: the port cannot be used)."""
    host = settings["SAMPLES_HOST"]
    port = settings["SAMPLES_PORT"] or urlsplit(settings[STORE_BY_NAME[app.name].variable("URL")]).port
    try:
        server = create_server(app, host=host, port=port, threads=settings["SAMPLES_THREADS"])
    except OSError as error:
        sys.stderr.write(f"{app.name}: cannot listen on {host}:{port}: {error.strerror}; choose another with --port\n")
        return 2
    signal.signal(signal.SIGTERM, _stop)
    logging.getLogger(app.name).info("serving on http://%s:%d", host, port)
    server.run()
    server.close()
    return 0
