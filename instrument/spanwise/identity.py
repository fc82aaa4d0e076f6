"""Who this process is: OpenTelemetry resource attributes, from arguments, environment or what can be found out.

An argument beats OTEL_SERVICE_NAME, which beats OTEL_RESOURCE_ATTRIBUTES, which beats what is derived. A derived
service name is said at start, because everything is keyed by it.
"""

from __future__ import annotations

import os
import re
import sys
from collections.abc import Mapping
from dataclasses import dataclass, replace
from importlib import metadata
from pathlib import Path

from spanwise.standard import UNKNOWN
from spanwise.workers.kinship import instance_id

# Where build systems put the revision, in the order asked.
_REVISION_VARIABLES = ("GIT_COMMIT", "GIT_SHA", "COMMIT_SHA", "SOURCE_COMMIT", "GITHUB_SHA", "CI_COMMIT_SHA")
# By hand, because Python 3.10 has no parser for TOML: the table, and its key.
_PROJECT = re.compile(r"^\[project\][^\n]*\n(.*?)(?=^\[|\Z)", re.MULTILINE | re.DOTALL)
_NAME = re.compile(r"^name\s*=\s*[\"']([^\"']+)[\"']", re.MULTILINE)
_SHA = re.compile(r"[0-9a-f]{40,64}")
# Names that say how a program was started and not what it is.
_MEANINGLESS = frozenset(
    {"", "-c", "-m", "__main__", "app", "main", "wsgi", "asgi", "manage", "run", "server", "python"}
    | {
        "daphne",
        "django",
        "flask",
        "granian",
        "gunicorn",
        "hypercorn",
        "uvicorn",
        "uwsgi",
        "waitress-serve",
        "waitress",
    }
)


@dataclass(frozen=True, slots=True)
class Identity:
    """The resource attributes, and how the service name was found ("argument", "OTEL_SERVICE_NAME", ...)."""

    attributes: Mapping[str, str]
    name_source: str

    @property
    def service_name(self) -> str:
        return self.attributes["service.name"]

    @property
    def instance_id(self) -> str:
        return self.attributes["service.instance.id"]

    def with_attributes(self, **more: str) -> Identity:
        """A copy with further attributes; `_` in a keyword stands for `.`."""
        named = {key.replace("_", "."): value for key, value in more.items()}
        return replace(self, attributes={**self.attributes, **named})


def identify(
    *,
    service: str | None,
    version: str | None,
    environment: str | None,
    owner: str | None,
    otel_service_name: str | None,
    otel_attributes: Mapping[str, str],
) -> Identity:
    """The identity of this process; its `service.instance.id`, unless one is given, is that of its workers together."""
    # A blank value counts as none: no label is ever empty.
    attributes = {key: value for key, value in otel_attributes.items() if value.strip()}
    name, source = _service_name(_given(service), _given(otel_service_name), attributes)
    attributes["service.name"] = name
    attributes["service.version"] = _given(version) or attributes.get("service.version") or _installed_version(name)
    attributes["deployment.environment.name"] = (
        _given(environment)
        or attributes.get("deployment.environment.name")
        or attributes.pop("deployment.environment", "")  # the convention's name before 1.27
        or UNKNOWN
    )
    attributes.setdefault("service.instance.id", instance_id(name))
    if _given(owner):
        attributes["spanwise.owner"] = _given(owner)
    if "vcs.ref.head.revision" not in attributes and (revision := _revision()):
        attributes["vcs.ref.head.revision"] = revision
    attributes["process.pid"] = str(os.getpid())
    return Identity(attributes, source)


def _given(value: str | None) -> str:
    return value.strip() if value else ""


def _service_name(given: str, otel_name: str, otel_attributes: Mapping[str, str]) -> tuple[str, str]:
    if given:
        return given, "argument"
    if otel_name:
        return otel_name, "OTEL_SERVICE_NAME"
    if otel_attributes.get("service.name"):
        return otel_attributes["service.name"], "OTEL_RESOURCE_ATTRIBUTES"
    return _derived_name()


def _derived_name() -> tuple[str, str]:
    main = sys.modules.get("__main__")
    script = Path(getattr(main, "__file__", None) or sys.argv[0] or ".")
    start = script.resolve().parent if script.suffix == ".py" else _working_folder()
    for folder in (start, *start.parents):
        project = folder / "pyproject.toml"
        name = _project_name(project)
        if name:
            return name, f"the project in {project}"
        if os.path.exists(folder / ".git"):  # noqa: PTH110 - Path.exists raises where it may not look
            break
    spec = getattr(main, "__spec__", None)
    if spec is not None and spec.name:
        package = spec.name.removesuffix(".__main__").partition(".")[0]
        if package not in _MEANINGLESS:
            return package, "the package that was started"
    if script.stem not in _MEANINGLESS:
        return script.stem, "the program's name"
    return start.name or UNKNOWN, "the folder it was started in"


def _working_folder() -> Path:
    try:
        return Path.cwd()
    except OSError:  # it has been deleted
        return Path("/")


def _project_name(project: Path) -> str:
    try:
        table = _PROJECT.search(project.read_text(encoding="utf-8", errors="replace"))
    except OSError:
        return ""
    match = _NAME.search(table[1]) if table else None
    return match[1] if match else ""


def _installed_version(name: str) -> str:
    try:
        return metadata.version(name)
    except (metadata.PackageNotFoundError, ValueError):
        return UNKNOWN


def _revision() -> str | None:
    for variable in _REVISION_VARIABLES:
        if os.environ.get(variable):
            return os.environ[variable]
    return _git_head(_working_folder())


def _git_head(start: Path) -> str | None:
    """The commit that is checked out, read from the files of `.git`: no program is run."""
    for folder in (start, *start.parents):
        try:
            git = _git_folder(folder)
            if git is not None:
                head = _resolved(git, (git / "HEAD").read_text().strip())
                return head if _SHA.fullmatch(head) else None
        except (OSError, ValueError):
            return None
    return None


def _git_folder(folder: Path) -> Path | None:
    """`.git`, or where the file of that name points to in a worktree or a submodule."""
    git = folder / ".git"
    if git.is_file():
        return folder / git.read_text().removeprefix("gitdir:").strip()
    return git if git.is_dir() else None


def _resolved(git: Path, head: str) -> str:
    """The commit behind `ref: refs/heads/main`, from the reference's own file or from the packed ones."""
    if not head.startswith("ref: "):
        return head
    reference = head.removeprefix("ref: ")
    shared = git / "commondir"  # a worktree's references are those of its repository
    if shared.is_file():
        git = git / shared.read_text().strip()
    loose = git / reference
    if loose.is_file():
        return loose.read_text().strip()
    packed = (git / "packed-refs").read_text().splitlines()
    return next((line.split()[0] for line in packed if line.endswith(f" {reference}")), "")
