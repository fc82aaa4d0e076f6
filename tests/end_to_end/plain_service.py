"""A service that knows no collector: Prometheus gets it by `static_configs`. Started with its port as argument."""

import sys

from flask import Flask
from waitress import serve

import spanwise

app = Flask("plain")
spanwise.instrument(app, service="plain")


@app.get("/hello")
def hello() -> str:
    return "hello"


serve(app, host="127.0.0.1", port=int(sys.argv[1]), threads=2)
