"""An empty Flask application and the lines that instrument it, as the README shows them."""

import sys

from flask import Flask

import spanwise

app = Flask("first")
spanwise.instrument(app, service="first", collector=sys.argv[2])


@app.get("/")
def index() -> str:
    return "hello"


app.run(port=int(sys.argv[1]))
