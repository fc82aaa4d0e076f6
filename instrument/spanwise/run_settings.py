"""What `spanwise run` can be told: rows of the library's own settings table, as flags.

A flag only sets its variable in the environment of the program, so what the program says itself still beats it.
"""

from __future__ import annotations

from dataclasses import replace

from spanwise.configuration import INSTRUMENT_SETTINGS
from spanwise.settings import Setting

_FLAGS = {
    "OTEL_SERVICE_NAME": "--service",
    "OTEL_RESOURCE_ATTRIBUTES": "--resource",
    "SPANWISE_COLLECTOR_URL": "--collector",
    "OTEL_TRACES_SAMPLER_ARG": "--sample-rate",
    "OTEL_PROPAGATORS": "--propagators",
    "SPANWISE_ADMIN_HOST": "--admin-host",
    "SPANWISE_ADMIN_PORT": "--admin-port",
}
RUN_SETTINGS: tuple[Setting, ...] = tuple(
    replace(row, flag=_FLAGS[row.variable]) for row in INSTRUMENT_SETTINGS if row.variable in _FLAGS
)
