"""One colour per service, the same on every page, in every process and in the browser (`static/service-color.js`)."""

SERVICE_COLORS = 16  # how many `--service-N` tokens there are in `static/tokens.css`

# FNV-1a starts from 2166136261 by convention; this start is the nearby one that gives services commonly seen together
# (gateway, catalog, orders, payments, recommendations, ...) colours that are far apart.
_START = 2166138931
_PRIME = 16777619
_MASK = 0xFFFFFFFF


def service_color(service: str) -> int:
    """The number N of the service's token `--service-N` and class `service-color-N`: 0 to SERVICE_COLORS - 1."""
    value = _START
    for byte in service.encode("utf-8", "replace"):
        value = ((value ^ byte) * _PRIME) & _MASK
    # Short names differ in few low bits; two steps of MurmurHash3's finalizer spread them.
    value ^= value >> 16
    value = (value * 0x85EBCA6B) & _MASK
    value ^= value >> 13
    return value % SERVICE_COLORS
