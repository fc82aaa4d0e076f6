"""The request path: HTTP servers and clients. One shared handler each, and thin adapters around them."""
