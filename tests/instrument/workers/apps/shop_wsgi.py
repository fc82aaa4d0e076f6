"""A service for the worker tests, as its developer would write it."""

import os

from flask import Flask

import spanwise

app = Flask(__name__)
spanwise.instrument(app, service="shop")
level = spanwise.gauge("level", unit="{thing}", description="A level of each worker.", workers="each")
level.set(3)


served = os.open(os.environ["SERVED"], os.O_WRONLY | os.O_APPEND | os.O_CREAT) if "SERVED" in os.environ else None


@app.get("/hello")
def hello() -> str:
    if served is not None:
        os.write(served, b".")  # the truth that the metrics are held to
    return str(os.getpid())
