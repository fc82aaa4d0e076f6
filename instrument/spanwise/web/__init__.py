"""The shared look: design tokens, components, the base page. `/admin`, the collector's pages and previews wear it.

Serve the files of `STATIC` under one URL prefix, give that prefix to `page` as `static_url`, and send the result with
`CONTENT_SECURITY_POLICY`: nothing on a page is inline and nothing comes from elsewhere.
"""

from spanwise.web._colors import SERVICE_COLORS, service_color
from spanwise.web._page import CONTENT_SECURITY_POLICY, STATIC, NavLink, page

__all__ = ["CONTENT_SECURITY_POLICY", "SERVICE_COLORS", "STATIC", "NavLink", "page", "service_color"]
