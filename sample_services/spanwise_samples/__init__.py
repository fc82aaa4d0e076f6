"""A music store of several small services, the load that keeps it busy, and `spanwise demo`, which runs all of it.

Each service (`gateway`, `catalog`, `orders`, `payments`, `recommendations`) is one module that can be read top to
bottom and is started by `python -m spanwise_samples.gateway`. They share `service`, `peers` and `behaviour`.
"""
