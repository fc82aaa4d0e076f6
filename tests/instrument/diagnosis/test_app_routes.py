from __future__ import annotations

import subprocess
import sys

from spanwise.diagnosis.app_routes import app_routes


def shown(app: object) -> list[tuple[str, tuple[str, ...]]]:
    return [(each.template, each.methods) for each in app_routes(app)]


def test_flask() -> None:
    from flask import Flask

    app = Flask("shop", static_folder=None)
    app.add_url_rule("/orders/<int:order>", "order", lambda order: "", methods=["GET", "POST"])
    app.add_url_rule("/", "home", lambda: "")
    assert shown(app) == [("/", ("GET",)), ("/orders/<int:order>", ("GET", "POST"))]
    assert app_routes(app)[1].handler == "order"


def test_starlette_with_a_mount() -> None:
    from starlette.applications import Starlette
    from starlette.routing import Mount, Route

    async def home(request: object) -> None: ...

    app = Starlette(routes=[Route("/", home), Mount("/api", routes=[Route("/orders/{id}", home, methods=["POST"])])])
    assert shown(app) == [("/", ("GET",)), ("/api/orders/{id}", ("POST",))]
    assert app_routes(app)[0].handler.endswith("test_starlette_with_a_mount.<locals>.home")


DJANGO = """
import django
from django.conf import settings
from django.urls import include, path, re_path
def view(request, **given): ...
urlpatterns = [path("albums/<int:id>/", view), path("api/", include([re_path("^v1/x$", view)]))]
settings.configure(ROOT_URLCONF=__name__, SECRET_KEY="x", ALLOWED_HOSTS=["*"])
django.setup()
from django.core.wsgi import get_wsgi_application
from spanwise.diagnosis.app_routes import app_routes
print([(each.template, each.methods, each.handler) for each in app_routes(get_wsgi_application())])
"""


def test_django() -> None:
    """In a process of its own, because Django is configured once."""
    done = subprocess.run([sys.executable, "-c", DJANGO], capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout.strip() == ("[('/albums/<int:id>/', (), '__main__.view'), ('/api/v1/x', (), '__main__.view')]")


def test_an_application_of_no_framework_has_none() -> None:
    assert app_routes(lambda environ, start_response: []) == []
    assert app_routes(None) == []
