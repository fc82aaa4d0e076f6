"""`spanwise run`: starts a program so that it is instrumented without a changed line."""

from __future__ import annotations


def run(argv: list[str]) -> int:
    """Start any program instrumented, without changing it: spanwise run -- gunicorn app:app

    Becomes the program (exec), so signals, exit code and process id are the program's own. Returns 2 for wrong use;
    raises CommandError or SettingError with one line.
    """
    import os
    import sys
    from pathlib import Path

    from spanwise.autostart import MAIN_PROCESS
    from spanwise.command import fail
    from spanwise.configuration import INSTRUMENT_SETTINGS
    from spanwise.settings import resolve
    from spanwise.tracing.propagation import check

    given, command = _split(argv)
    environ = {**os.environ, **given}
    # A wrong value is said now, and not by each worker.
    check(resolve(INSTRUMENT_SETTINGS, environ=environ)["OTEL_PROPAGATORS"])
    program = _program(command[0])
    if program is None:
        fail(f"there is no program {command[0]!r} beside {sys.executable} or on PATH.")
    _refuse_isolated(command)
    folder = str(Path(__file__).parent / "bootstrap")
    environ["PYTHONPATH"] = os.pathsep.join([folder, *filter(None, [environ.get("PYTHONPATH")])])
    environ[MAIN_PROCESS] = str(os.getpid())
    sys.stdout.flush()
    sys.stderr.flush()
    # By its full path: Python finds its virtual environment by the name it was called by.
    os.execve(program, [program, *command[1:]], environ)  # noqa: S606 - it is what the user asks for


def _split(argv: list[str]) -> tuple[dict[str, str], list[str]]:
    """The variables that the flags set, and the command."""
    import argparse

    from spanwise.command import fail
    from spanwise.run_settings import RUN_SETTINGS
    from spanwise.settings import add_flags, from_flags

    parser = argparse.ArgumentParser(
        prog="spanwise run",
        usage="spanwise run [options] -- PROGRAM [ARGUMENTS]",
        description="Starts a program instrumented: Flask, Django, FastAPI, Starlette, any WSGI application under"
        " gunicorn, any ASGI application under uvicorn, and HTTP clients. What cannot be instrumented is named.",
        epilog="Everything else is set by environment variables: docs/settings.md lists them.",
    )
    add_flags(parser, RUN_SETTINGS)
    parser.add_argument("command", nargs=argparse.REMAINDER, help=argparse.SUPPRESS)
    parsed = parser.parse_args(argv)
    command = parsed.command[1:] if parsed.command[:1] == ["--"] else parsed.command
    if not command:
        fail("which program? For example: spanwise run --service shop -- gunicorn app:app")
    from_flags(RUN_SETTINGS, parsed)  # checks them, and names the flag where one is wrong
    variables = {row.variable: getattr(parsed, row.variable) for row in RUN_SETTINGS}
    return {name: text for name, text in variables.items() if text is not None}, command


def _program(name: str) -> str | None:
    """The program beside our own Python first, so that a virtual environment need not be activated."""
    import shutil
    import sys
    from pathlib import Path

    if "/" in name:
        return shutil.which(name)
    return shutil.which(name, path=str(Path(sys.executable).parent)) or shutil.which(name)


def _refuse_isolated(command: list[str]) -> None:
    """Python's -I, -E and -S keep it from reading PYTHONPATH or sitecustomize: better said than silently without."""
    from pathlib import Path

    from spanwise.command import fail

    if not Path(command[0]).name.startswith(("python", "pypy")):
        return
    for argument in command[1:]:
        if not argument.startswith("-") or argument.startswith("--") or argument[1:2] in ("c", "m", ""):
            return
        if found := set("IES") & set(argument[1:]):
            fail(
                f"python -{sorted(found)[0]} ignores PYTHONPATH or sitecustomize, by which the program would be"
                " instrumented: leave it out, or call spanwise.instrument() in the program."
            )
