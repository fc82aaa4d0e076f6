"""Who is connected to this process."""

from __future__ import annotations

from html import escape

from spanwise.admin.messages import Page, Request
from spanwise.admin.routes import route
from spanwise.admin.tables import table
from spanwise.diagnosis.sockets import Listening, listening


@route("/admin/servers/connections/", title="Incoming connections", group="Utilities")
def connections(request: Request) -> Page:
    """Each listening address of this process with the addresses of its clients; nothing where there is no `/proc`."""
    servers = listening()
    data = {
        "servers": [
            {"address": server.address, "clients": [{"address": client} for client in server.clients]}
            for server in servers
        ]
    }
    return Page("Incoming connections", "", _html(servers) if request.wants_html else "", data)


def _html(servers: list[Listening]) -> str:
    if not servers:
        why = "This system has no /proc to read them from, or this process listens on no address."
        return f'<div class="empty"><h2>No connections are known</h2><p>{why}</p></div>'
    rows = "".join(
        f'<tr><td class="mono">{escape(server.address)}</td><td class="number">{len(server.clients)}</td>'
        f'<td class="mono muted">{escape(", ".join(server.clients))}</td></tr>'
        for server in servers
    )
    head = '<th>listens on</th><th class="number">clients</th><th>from</th>'
    return table(head, rows)
