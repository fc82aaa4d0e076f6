"""`spanwise demo`: reads the flags and hands over to `demo.run`."""

from __future__ import annotations


def demo(argv: list[str]) -> int:
    """Start the collector, a music store of five services, load and Prometheus; Ctrl-C stops all of it

    Returns 0 after a clean stop and 1 when something did not start; raises SettingError or CommandError with one line.
    """
    import argparse

    from spanwise.settings import add_flags, from_flags, resolve

    from .settings import DEMO_SETTINGS

    parser = argparse.ArgumentParser(
        prog="spanwise demo",
        description="Starts the collector, a music store of five services, load and Prometheus, and shows how they do.",
        epilog="The services' latencies and error rates are set by environment; docs/demo.md has every variable.",
    )
    add_flags(parser, DEMO_SETTINGS)
    settings = resolve(DEMO_SETTINGS, from_flags(DEMO_SETTINGS, parser.parse_args(argv)))

    from .demo.run import run

    return run(settings)
