"""Every limit of the admin server, with its reason. Tests pass smaller ones."""

from __future__ import annotations

from dataclasses import dataclass, field, fields


def _limit(default: float, help_text: str) -> float:
    value: float = field(default=default, metadata={"help": help_text})
    return value


def _count(default: int, help_text: str) -> int:
    value: int = field(default=default, metadata={"help": help_text})
    return value


@dataclass(frozen=True, slots=True)
class Limits:
    threads: int = _count(4, "requests that are answered at the same time; more wait")
    probe_threads: int = _count(1, "threads kept for ping, health, livez and readyz alone")
    connections: int = _count(64, "open connections; one more closes the one that has been quiet longest")
    head_bytes: int = _count(16 * 1024, "request line and headers together; more is answered 431")
    headers: int = _count(100, "header lines; more is answered 431")
    body_bytes: int = _count(1024 * 1024, "request body; more is answered 413")
    query_fields: int = _count(100, "parameters of a query; more is answered 400")
    request_timeout_s: float = _limit(5.0, "from the first byte of a request to its last; then 408")
    idle_timeout_s: float = _limit(60.0, "between two requests of a connection; longer than usual scrape intervals")
    write_timeout_s: float = _limit(10.0, "for a client to take an answer, or one piece of a stream")
    linger_timeout_s: float = _limit(1.0, "for a refused client to read why, while what it still sends is thrown away")


def limits_table() -> str:
    """The limits as a Markdown table."""
    rows = [f"| {row.name.replace('_', ' ')} | {row.default:,} | {row.metadata['help']} |" for row in fields(Limits)]
    return "\n".join(["| limit | default | what it bounds |", "|---|---|---|", *rows])
