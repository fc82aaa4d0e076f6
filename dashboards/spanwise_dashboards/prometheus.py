"""Asking a running Prometheus (its HTTP API, version 1), with a time limit on every question."""

from __future__ import annotations

from typing import Any

import requests

TIMEOUT_S = 20.0


class PrometheusError(Exception):
    """One line: which address, what it said, what to do."""


class Prometheus:
    """`url` as in `http://127.0.0.1:9090`. Times are seconds since 1970."""

    def __init__(self, url: str) -> None:
        self.url = url.rstrip("/")
        self._session = requests.Session()

    def instant(self, expr: str, at: float | None = None) -> list[dict[str, Any]]:
        """Series with `metric` and `value`."""
        moment = {} if at is None else {"time": at}
        return list(self._ask("query", {"query": expr, **moment})["result"])

    def over_time(self, expr: str, start: float, end: float, step_s: float) -> list[dict[str, Any]]:
        """Series with `metric` and `values`."""
        return list(self._ask("query_range", {"query": expr, "start": start, "end": end, "step": step_s})["result"])

    def label_values(self, label: str, selector: str) -> list[str]:
        return sorted(self._ask(f"label/{label}/values", {"match[]": selector}))

    def metadata(self) -> dict[str, list[dict[str, str]]]:
        """Type, help and unit by metric name, as scraped."""
        return dict(self._ask("metadata", {}))

    def _ask(self, what: str, parameters: dict[str, Any]) -> Any:
        try:
            answer = self._session.get(f"{self.url}/api/v1/{what}", params=parameters, timeout=TIMEOUT_S)
            body = answer.json()
        except requests.Timeout:
            raise PrometheusError(
                f"Prometheus at {self.url} did not answer within {TIMEOUT_S:g} s: {parameters.get('query', what)}"
            ) from None
        except ValueError:
            raise PrometheusError(f"{self.url} does not answer like a Prometheus; give its base address") from None
        except requests.RequestException as error:
            raise PrometheusError(f"cannot reach Prometheus at {self.url}: {_reason(error)}. Is it running?") from None
        if body.get("status") != "success":
            raise PrometheusError(f"Prometheus refuses {parameters.get('query', what)}: {body.get('error', body)}")
        return body["data"]


def _reason(error: requests.RequestException) -> str:
    text = str(error)
    return "connection refused" if "refused" in text else text.splitlines()[0][:120]
