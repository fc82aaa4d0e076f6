"""SLOs from OpenSLO files (https://github.com/OpenSLO/OpenSLO, `openslo/v1`): for services that do not count events
themselves.

What a file describes is recorded under the names that declared SLOs are recorded under, so the same burn rates,
budgets, alerts and board serve it. Queries are Prometheus': either a counter's selector (`counter: true`), or an
expression with sloth's `{{.window}}` where the window goes.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from pathlib import Path
from typing import Any

import yaml

from spanwise.standard import SLO_EVENTS, SLO_OBJECTIVE, UNKNOWN
from spanwise_dashboards import slo
from spanwise_dashboards.promql import Expr
from spanwise_dashboards.rules import RecordingRule, RuleGroup

_WINDOW = re.compile(r"\{\{\s*\.window\s*\}\}")
_ROLLING = ("28d", "30d", "4w", "1M")  # the budget is that of 30 days for all of them
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]*")


class OpenSloError(ValueError):
    """A file that cannot be used: file, SLO, what is wrong, what is allowed."""


@dataclass(frozen=True, slots=True)
class Slo:
    """`total` and `good` or `bad` are queries; exactly one of the latter is given."""

    name: str
    service: str
    environment: str
    objective: Decimal
    total: str
    good: str
    bad: str
    counter: bool


def load(paths: Sequence[str]) -> tuple[RuleGroup, ...]:
    """The rule groups for the SLOs of all files. Raises OpenSloError, OSError."""
    slos = [one for path in paths for one in _read(Path(path))]
    names = [(one.environment, one.service, one.name) for one in slos]
    for name in names:
        if names.count(name) > 1:
            raise OpenSloError(f"{', '.join(paths)}: the SLO {name[2]} of {name[1]} is there twice; rename one")
    return tuple(rule_group(one) for one in slos)


def rule_group(one: Slo) -> RuleGroup:
    """Objective, events and bad events of one SLO, in every window."""
    labels = {"deployment_environment_name": one.environment, "service_name": one.service, "slo": one.name}

    def rule(record: str, text: str) -> RecordingRule:
        return RecordingRule(record, Expr(text, (SLO_EVENTS, SLO_OBJECTIVE), slo.BY_SLO), labels)

    rules = [rule(slo.OBJECTIVE, f"vector({one.objective:f})")]
    for window in slo.WINDOWS:
        total = _rate(one, one.total, window)
        bad = _rate(one, one.bad, window) if one.bad else f"{total} - {_rate(one, one.good, window)}"
        rules.append(rule(slo.events(window), total))
        # A counter of bad events that has not begun is no reason to know nothing.
        rules.append(rule(slo.bad_events(window), f"clamp_min({bad}, 0) or 0 * {total}"))
    return RuleGroup(f"openslo_{one.environment}_{one.service}_{one.name}", tuple(rules))


def _rate(one: Slo, query: str, window: str) -> str:
    return f"sum(rate({query}[{window}]))" if one.counter else f"sum({_WINDOW.sub(window, query)})"


def _read(path: Path) -> Iterator[Slo]:
    try:
        documents = list(yaml.safe_load_all(path.read_text(encoding="utf-8")))
    except (yaml.YAMLError, UnicodeDecodeError) as error:
        raise OpenSloError(f"{path}: is not YAML: {' '.join(str(error).split())}") from None
    for document in documents:
        if not isinstance(document, dict):
            raise OpenSloError(f"{path}: is not an OpenSLO file; a document must be a mapping with apiVersion and kind")
        if document.get("apiVersion") != "openslo/v1":
            raise OpenSloError(f"{path}: apiVersion {document.get('apiVersion')!r} is not openslo/v1")
        if document.get("kind") == "SLO":
            yield _slo(path, document)


def _slo(path: Path, document: dict[str, Any]) -> Slo:
    metadata, spec = _mapping(document, "metadata"), _mapping(document, "spec")
    name = str(metadata.get("name", ""))
    where = f"{path}: SLO {name or '(without a name)'}"
    service = str(spec.get("service", ""))
    for value, what in ((name, "metadata.name"), (service, "spec.service")):
        if not _NAME.fullmatch(value):
            raise OpenSloError(f"{where}: {what} is {value!r}, not letters, digits, dots and dashes")
    _refuse_other_budgets(where, spec)
    ratio = _mapping(_mapping(spec, "indicator", "spec"), "ratioMetric")
    counter = ratio.get("counter") is True
    queries = {key: _query(where, ratio, key, counter) for key in ("total", "good", "bad")}
    if not queries["total"] or bool(queries["good"]) == bool(queries["bad"]):
        raise OpenSloError(f"{where}: indicator.spec.ratioMetric must have total and one of good and bad")
    labels = metadata.get("labels") or {}
    environment = str(labels.get("environment", UNKNOWN)) if isinstance(labels, dict) else UNKNOWN
    return Slo(name, service, environment, _objective(where, spec), **queries, counter=counter)


def _mapping(document: dict[str, Any], *path: str) -> dict[str, Any]:
    """The mapping at the end of a path, empty where there is none."""
    here: Any = document
    for key in path:
        here = here.get(key) if isinstance(here, dict) else None
    return here if isinstance(here, dict) else {}


def _refuse_other_budgets(where: str, spec: dict[str, Any]) -> None:
    if spec.get("budgetingMethod", "Occurrences") != "Occurrences":
        raise OpenSloError(f"{where}: budgetingMethod {spec['budgetingMethod']!r} is not Occurrences")
    for window in spec.get("timeWindow") or []:
        if not window.get("isRolling") or window.get("duration") not in _ROLLING:
            raise OpenSloError(f"{where}: timeWindow {window} is not rolling with one of {', '.join(_ROLLING)}")


def _objective(where: str, spec: dict[str, Any]) -> Decimal:
    objectives = spec.get("objectives") or []
    if len(objectives) != 1:
        raise OpenSloError(f"{where}: has {len(objectives)} objectives; write one SLO for each")
    given = objectives[0]
    try:
        percent = given.get("targetPercent")
        target = Decimal(str(percent)) / 100 if percent is not None else Decimal(str(given.get("target")))
    except InvalidOperation:
        target = Decimal(0)
    if not 0 < target < 1:
        raise OpenSloError(f"{where}: objective {given} has no target between 0 and 1, such as 0.999")
    return target.normalize()


def _query(where: str, ratio: dict[str, Any], key: str, counter: bool) -> str:
    source = _mapping(ratio, key, "metricSource")
    query = str(_mapping(source, "spec").get("query", "")).strip()
    if not query:
        return ""
    if str(source.get("type", "Prometheus")).lower() != "prometheus":
        raise OpenSloError(f"{where}: the metricSource of {key} is {source['type']!r}; only Prometheus is supported")
    if not counter and not _WINDOW.search(query):
        raise OpenSloError(f"{where}: the query of {key} has no {{{{.window}}}}, and counter is not true")
    return " ".join(query.split())
