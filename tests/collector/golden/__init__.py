"""Traces that have every hazard which a query API can meet, stored once for the contract tests of all APIs."""
