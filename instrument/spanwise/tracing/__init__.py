"""Spans: trace context in and out, head sampling, the spans of the request path, and where they go when they end."""
