"""The collector's web pages: the newest traces, and one trace as a waterfall. `blueprint` is all an app registers.

The pages are thin: they fetch `/api/spanwise/...` (docs/collector-api.md) from the browser, as any other client would.
"""

from spanwise_collector.web._pages import blueprint

__all__ = ["blueprint"]
