"""The collector's HTTP server: its ports, who may call them, and what each answers."""

from spanwise_collector.http._guard import TOKEN_KEY, Access, Guard, is_loopback
from spanwise_collector.http._ports import PortInUseError, bind
from spanwise_collector.http._server import Server
from spanwise_collector.http._tokens import Tokens, digest

__all__ = ["TOKEN_KEY", "Access", "Guard", "PortInUseError", "Server", "Tokens", "bind", "digest", "is_loopback"]
