"""The same service with FastAPI."""

import os

from fastapi import FastAPI

import spanwise

app = FastAPI()
spanwise.instrument(app, service="shop")


@app.get("/hello")
async def hello() -> int:
    return os.getpid()
