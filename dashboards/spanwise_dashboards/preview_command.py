"""`spanwise dashboards preview`: boards as pages, drawn from what a running Prometheus answers."""

from __future__ import annotations

import argparse
import sys
import time
from pathlib import Path

from spanwise.command import fail
from spanwise.settings import parse_duration
from spanwise_dashboards.boards import all_boards
from spanwise_dashboards.preview import write_previews
from spanwise_dashboards.preview.data import Window
from spanwise_dashboards.prometheus import Prometheus, PrometheusError
from spanwise_dashboards.sources import load


def preview(parsed: argparse.Namespace) -> int:
    """Writes the pages and says where."""
    documents = load(parsed.files) if parsed.files else [board.to_json() for board in all_boards()]
    try:
        seconds = parse_duration(parsed.range)
    except ValueError:
        fail(f"--range={parsed.range!r} is not a duration such as 15m, 1h or 1d")
    chosen = dict(pair.partition("=")[::2] for pair in parsed.var)
    if not all(chosen.values()):
        fail(f"--var is NAME=VALUE, for example --var service_name=catalog, not {' '.join(parsed.var)}")
    end = time.time()
    try:
        written = write_previews(
            documents, Prometheus(parsed.prometheus), Path(parsed.out), Window(end - seconds, end), chosen
        )
    except PrometheusError as error:
        fail(str(error))
    except OSError as error:
        fail(f"cannot write to {parsed.out}: {error.strerror}. Give another folder with --out.")
    sys.stdout.write(f"{len(written)} pages; open {written[0]}\n")
    return 0
