"""Who a process is: every source, and which one wins."""

from __future__ import annotations

import subprocess
import sys
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from spanwise import identity as module
from spanwise.identity import Identity, identify
from spanwise.standard import UNKNOWN
from tests.instrument.conftest import clean_environ

SHA = "0123456789abcdef0123456789abcdef01234567"


@pytest.fixture(autouse=True)
def nobody(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """No revision in the environment or the working folder."""
    for variable in module._REVISION_VARIABLES:
        monkeypatch.delenv(variable, raising=False)
    monkeypatch.chdir(tmp_path)


def who(**given: Any) -> Identity:
    everything: dict[str, Any] = {
        "service": None,
        "version": None,
        "environment": None,
        "owner": None,
        "otel_service_name": None,
        "otel_attributes": {},
        **given,
    }
    return identify(**everything)


def test_the_name_s_sources_in_their_order() -> None:
    attributes = {"service.name": "from attributes"}
    first = who(service="argument", otel_service_name="variable", otel_attributes=attributes)
    assert (first.service_name, first.name_source) == ("argument", "argument")
    second = who(otel_service_name="variable", otel_attributes=attributes)
    assert (second.service_name, second.name_source) == ("variable", "OTEL_SERVICE_NAME")
    third = who(otel_attributes=attributes)
    assert (third.service_name, third.name_source) == ("from attributes", "OTEL_RESOURCE_ATTRIBUTES")
    assert who().service_name


@pytest.mark.parametrize("blank", ["", "   "])
def test_a_blank_name_is_no_name(blank: str) -> None:
    given = who(service=blank, otel_service_name=blank, otel_attributes={"service.name": blank})
    assert given.service_name.strip()
    assert given.name_source not in ("argument", "OTEL_SERVICE_NAME", "OTEL_RESOURCE_ATTRIBUTES")


def test_version() -> None:
    attributes = {"service.version": "2"}
    assert who(service="x", version="1", otel_attributes=attributes).attributes["service.version"] == "1"
    assert who(service="x", otel_attributes=attributes).attributes["service.version"] == "2"
    assert who(service="spanwise").attributes["service.version"] not in ("", UNKNOWN)  # of the distribution
    assert who(service="no-such-distribution").attributes["service.version"] == UNKNOWN


def test_environment() -> None:
    key = "deployment.environment.name"
    both = {key: "new name", "deployment.environment": "old name"}
    assert who(environment="argument", otel_attributes=both).attributes[key] == "argument"
    assert who(otel_attributes=both).attributes[key] == "new name"
    assert who(otel_attributes={"deployment.environment": "old name"}).attributes[key] == "old name"
    assert who().attributes[key] == UNKNOWN


def test_nothing_is_empty() -> None:
    blank = {"service.version": "", "deployment.environment.name": " ", "service.instance.id": "", "team": ""}
    attributes = who(service="x", version="", environment=" ", owner=" ", otel_attributes=blank).attributes
    for key in ("service.name", "service.version", "deployment.environment.name", "service.instance.id"):
        assert attributes[key].strip(), key
    assert "spanwise.owner" not in attributes


def test_the_instance_is_the_process_and_the_service_or_as_given() -> None:
    assert who(service="a").instance_id == who(service="a").instance_id
    assert who(service="a").instance_id != who(service="b").instance_id
    assert uuid.UUID(who().instance_id)
    assert who(otel_attributes={"service.instance.id": "pod-1"}).instance_id == "pod-1"


def test_other_attributes_stay() -> None:
    given = who(owner="team-payments", otel_attributes={"team": "x", "service.namespace": "shop"})
    assert given.attributes["team"] == "x"
    assert given.attributes["service.namespace"] == "shop"
    assert given.attributes["spanwise.owner"] == "team-payments"


def test_what_was_given_is_not_changed() -> None:
    given = {"deployment.environment": "old"}
    who(otel_attributes=given)
    assert given == {"deployment.environment": "old"}


def test_further_attributes() -> None:
    one = who(service="x")
    more = one.with_attributes(spanwise_admin_url="http://127.0.0.1:9990")
    assert more.attributes["spanwise.admin.url"] == "http://127.0.0.1:9990"
    assert "spanwise.admin.url" not in one.attributes
    assert more.instance_id == one.instance_id


@pytest.mark.parametrize("variable", module._REVISION_VARIABLES)
def test_the_revision_of_the_build(monkeypatch: pytest.MonkeyPatch, variable: str) -> None:
    monkeypatch.setenv(variable, "abc")
    assert who().attributes["vcs.ref.head.revision"] == "abc"
    given = {"vcs.ref.head.revision": "given"}
    assert who(otel_attributes=given).attributes["vcs.ref.head.revision"] == "given"


def git(folder: Path, head: str, files: dict[str, str] | None = None) -> None:
    (folder / ".git").mkdir()
    (folder / ".git" / "HEAD").write_text(head)
    for name, text in (files or {}).items():
        path = folder / ".git" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)


REF = "refs/heads/main"
PACKED = f"# pack-refs with: peeled\n{'f' * 40} refs/heads/other\n{SHA} {REF}\n{'e' * 40} refs/tags/v1\n^{'d' * 40}\n"


@pytest.mark.parametrize(
    ("head", "files", "expected"),
    [
        (SHA, {}, SHA),
        (f"{SHA}\n", {}, SHA),
        (f"ref: {REF}\n", {REF: f"{SHA}\n"}, SHA),
        (f"ref: {REF}\n", {"packed-refs": PACKED}, SHA),
        (f"ref: {REF}\n", {REF: f"{SHA}\n", "packed-refs": f"{'0' * 40} {REF}\n"}, SHA),
        (f"ref: {REF}\n", {}, None),  # no commit yet
        (f"ref: {REF}\n", {"packed-refs": f"{SHA} refs/heads/maintenance\n"}, None),
        ("garbage", {}, None),
        ("", {}, None),
    ],
)
def test_the_checked_out_commit(tmp_path: Path, head: str, files: dict[str, str], expected: str | None) -> None:
    git(tmp_path, head, files)
    inner = tmp_path / "deep" / "inside"
    inner.mkdir(parents=True)
    assert module._git_head(inner) == expected
    assert who().attributes.get("vcs.ref.head.revision") == expected


def test_a_head_that_is_no_text(tmp_path: Path) -> None:
    git(tmp_path, "")
    (tmp_path / ".git" / "HEAD").write_bytes(b"\xff\xfe\x00")
    assert module._git_head(tmp_path) is None


def test_of_a_real_repository(tmp_path: Path) -> None:
    def run_git(*arguments: str, folder: Path = tmp_path / "repository") -> str:
        command = ["git", "-C", str(folder), "-c", "user.name=x", "-c", "user.email=x@example.org", *arguments]
        return subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()

    repository, worktree = tmp_path / "repository", tmp_path / "worktree"
    repository.mkdir()
    run_git("init", "-q")
    run_git("commit", "-q", "--allow-empty", "-m", "x")
    assert module._git_head(repository) == run_git("rev-parse", "HEAD")
    run_git("pack-refs", "--all")
    assert module._git_head(repository) == run_git("rev-parse", "HEAD")
    run_git("worktree", "add", "-q", "-b", "other", str(worktree))
    run_git("commit", "-q", "--allow-empty", "-m", "y", folder=worktree)
    assert module._git_head(worktree) == run_git("rev-parse", "HEAD", folder=worktree)
    assert module._git_head(worktree) != module._git_head(repository)


NAME = """
import json
from spanwise.identity import identify
found = identify(service=None, version=None, environment=None, owner=None, otel_service_name=None, otel_attributes={})
print(json.dumps([found.service_name, found.name_source]))
"""
Start = Callable[..., tuple[str, str]]


@pytest.fixture
def derived(tmp_path: Path) -> Start:
    """The name that a program derives: `derived("shop/app.py")` or `derived("shop", "-m", "shop")`."""

    def derive(*arguments: str, folder: Path = tmp_path) -> tuple[str, str]:
        import json

        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=folder,
            env={**clean_environ(), "PYTHONPATH": str(tmp_path)},
            capture_output=True,
            text=True,
            timeout=30,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        name, source = json.loads(done.stdout)
        return name, source

    return derive


def write(path: Path, text: str = NAME) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize(
    "project",
    [
        '[project]\nname = "bookshop"\n',
        "[build-system]\nname = 'wrong'\n[project]\nversion = '1'\nname='bookshop'\n",
        '[project] # it\nauthors = [{ name = "Somebody" }]\nclassifiers = [\n  "A :: B",\n]\nname = "bookshop"\n',
        '[tool.other]\nname = "wrong"\n\n[project]\nname = "bookshop"\n[project.scripts]\nname = "wrong:main"\n',
    ],
)
def test_of_the_project(tmp_path: Path, derived: Start, project: str) -> None:
    write(tmp_path / "pyproject.toml", project)
    write(tmp_path / "src" / "app.py")
    name, source = derived("src/app.py")
    assert name == "bookshop"
    assert "pyproject.toml" in source


def test_a_project_without_a_name_is_no_source(tmp_path: Path, derived: Start) -> None:
    write(tmp_path / "pyproject.toml", '[tool.ruff]\nname = "wrong"\n')
    write(tmp_path / "orders.py")
    assert derived("orders.py") == ("orders", "the program's name")


def test_of_the_package(tmp_path: Path, derived: Start) -> None:
    (tmp_path / ".git").mkdir()
    write(tmp_path / "bookshop" / "__init__.py", "")
    write(tmp_path / "bookshop" / "__main__.py")
    assert derived("-m", "bookshop") == ("bookshop", "the package that was started")


def test_of_the_program(tmp_path: Path, derived: Start) -> None:
    (tmp_path / ".git").mkdir()
    write(tmp_path / "orders.py")
    assert derived("orders.py") == ("orders", "the program's name")


@pytest.mark.parametrize("program", ["app.py", "main.py", "wsgi.py", "manage.py"])
def test_of_the_folder_when_the_program_s_name_says_nothing(tmp_path: Path, derived: Start, program: str) -> None:
    write(tmp_path / "payments" / program)
    (tmp_path / "payments" / ".git").mkdir()
    assert derived(f"payments/{program}") == ("payments", "the folder it was started in")


@pytest.mark.parametrize("server", ["gunicorn", "uvicorn", "flask", "waitress-serve", "hypercorn", "uwsgi"])
def test_a_server_is_not_the_service(tmp_path: Path, derived: Start, server: str) -> None:
    folder = tmp_path / "payments"
    write(tmp_path / "bin" / server)
    folder.mkdir()
    (folder / ".git").mkdir()
    assert derived(str(tmp_path / "bin" / server), folder=folder)[0] == "payments"


def test_of_a_command_line(tmp_path: Path, derived: Start) -> None:
    (tmp_path / ".git").mkdir()
    assert derived("-c", NAME)[0] == tmp_path.name


def test_a_working_folder_that_is_gone(tmp_path: Path, derived: Start) -> None:
    # Imported before: in such a folder Python 3.13.0 cannot import `socket`.
    gone = "import os; os.mkdir('gone'); os.chdir('gone'); os.rmdir('../gone')"
    name, _ = derived("-c", f"import spanwise.identity\n{gone}\n{NAME}")
    assert name


def test_a_project_that_may_not_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path / "pyproject.toml", '[project]\nname = "x"\n')

    def denied(*_: Any, **__: Any) -> str:
        raise PermissionError("not for you")

    monkeypatch.setattr(Path, "read_text", denied)
    assert who().service_name
