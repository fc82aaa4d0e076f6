"""A bound on the label sets of each metric, so that one bad label cannot take a service's memory or a Prometheus down.

Beyond the bound, new label sets are folded into one in which every label is `_other`: the totals stay right.
"""

from __future__ import annotations

import logging
from typing import Any

from spanwise.standard import Metric

OTHER = "_other"
DEFAULT_MAX_LABEL_SETS = 1000

_log = logging.getLogger("spanwise")
_max_label_sets = DEFAULT_MAX_LABEL_SETS
_folded: set[str] = set()


def set_max_label_sets(count: int) -> None:
    """For all metrics of the process, those declared before included."""
    global _max_label_sets
    _max_label_sets = count


def folded() -> list[str]:
    """The metrics that have had to fold label sets."""
    return sorted(_folded)


def guard(instrument: Any, row: Metric) -> None:
    """Puts the bound on a prometheus-client instrument that has labels."""
    if not row.labels:
        return
    labels = instrument.labels
    children = instrument._metrics
    other = (OTHER,) * len(row.labels)

    def guarded(*values: Any, **named: Any) -> Any:
        if len(children) < _max_label_sets:
            return labels(*values, **named)
        given = tuple(named[name] for name in row.labels if name in named) if named else values
        if len(given) != len(other) or tuple(str(value) for value in given) in children:
            return labels(*values, **named)  # known, or wrong in a way that the instrument itself explains
        if row.name not in _folded:
            _folded.add(row.name)
            _log.warning(
                "spanwise: metric %s has %d label sets (SPANWISE_MAX_LABEL_SETS): further ones are counted as %s=%r.",
                row.name,
                len(children),
                row.labels[0],
                OTHER,
            )
        return labels(*other)

    instrument.labels = guarded
