"""`spanwise dashboards push` against a server that answers like the documented Grafana API, and fails like one."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from spanwise.command import main
from spanwise_dashboards import grafana as grafana_module
from spanwise_dashboards.boards import all_boards
from spanwise_dashboards.push import difference
from tests.dashboards.grafana_server import TOKEN, GrafanaState, after, hang_up, never, running_grafana

UIDS = [board.uid for board in all_boards()]
FLEET = "spanwise-fleet"
Run = Callable[..., int]


@pytest.fixture
def grafana(monkeypatch: pytest.MonkeyPatch) -> Iterator[GrafanaState]:
    monkeypatch.setenv("SPANWISE_GRAFANA_TOKEN", TOKEN)
    with running_grafana() as state:
        yield state


@pytest.fixture
def push(grafana: GrafanaState) -> Run:
    return lambda *arguments: main(["dashboards", "push", "--grafana-url", grafana.url, *map(str, arguments)])


def changed_board(tmp_path: Path, **changes: Any) -> Path:
    document = next(board.to_json() for board in all_boards() if board.uid == FLEET) | changes
    path = tmp_path / "fleet.json"
    path.write_text(json.dumps(document))
    return path


def whole(grafana: GrafanaState) -> bool:
    """Every stored document is one that was sent, with all its panels."""
    sent = {board.uid: len(board.to_json()["panels"]) for board in all_boards()}
    return all(len(grafana.newest(uid)["panels"]) == sent[uid] for uid in grafana.saves)


def test_all_boards_are_saved_in_the_folder_and_a_second_run_does_nothing(
    push: Run, grafana: GrafanaState, capsys: pytest.CaptureFixture[str]
) -> None:
    assert push() == 0
    assert f"created: {FLEET} (Fleet)" in capsys.readouterr().out
    assert sorted(grafana.saves) == sorted(UIDS)
    assert grafana.folders == {"spanwise": "Spanwise"}
    assert set(grafana.folder_of.values()) == {"spanwise"}
    writes = grafana.writes
    assert push() == 0
    assert capsys.readouterr().out == "8 boards: 8 unchanged\n"
    assert grafana.writes == writes


def test_a_dry_run_writes_nothing(push: Run, grafana: GrafanaState, capsys: pytest.CaptureFixture[str]) -> None:
    assert push("--dry-run") == 0
    assert grafana.writes == 0
    assert f"would be created: {FLEET} (Fleet)\n" in capsys.readouterr().out


def test_what_was_pushed_before_is_replaced_by_what_is_new(push: Run, grafana: GrafanaState, tmp_path: Path) -> None:
    """Although Grafana stores it with defaults added."""
    push(changed_board(tmp_path, description="Of last year."))
    assert push() == 0
    assert grafana.saves[FLEET][0].document["description"] == "Of last year."
    assert grafana.newest(FLEET)["description"] != "Of last year." and len(grafana.saves[FLEET]) == 2


def test_a_board_that_was_moved_stays_where_it_is(push: Run, grafana: GrafanaState, tmp_path: Path) -> None:
    push(changed_board(tmp_path, description="Old."))
    grafana.folders["ours"] = "Ours"
    grafana.folder_of[FLEET] = "ours"
    assert push() == 0
    assert grafana.folder_of[FLEET] == "ours" and len(grafana.saves[FLEET]) == 2
    grafana.folder_of[FLEET] = ""
    assert push(changed_board(tmp_path, description="New.")) == 0
    assert grafana.folder_of[FLEET] == ""


def test_an_edit_in_grafana_is_shown_and_nothing_is_saved(
    push: Run, grafana: GrafanaState, capsys: pytest.CaptureFixture[str]
) -> None:
    push()
    grafana.edit(FLEET, title="Fleet of Alice")
    del grafana.saves["spanwise-slo"]
    writes = grafana.writes
    assert push() == 1
    shown = capsys.readouterr().err
    assert f"{FLEET} differs from what is to be pushed: alice saved version 2 in Grafana." in shown
    assert '- "title": "Fleet of Alice"' in shown and '+ "title": "Fleet"' in shown
    assert "Nothing was saved." in shown
    assert grafana.writes == writes and grafana.newest(FLEET)["title"] == "Fleet of Alice"


def test_the_same_holds_for_the_versions_list_of_older_grafanas(push: Run, grafana: GrafanaState) -> None:
    grafana.old_versions_list = True
    assert push() == 0
    grafana.edit(FLEET, title="Mine")
    assert push() == 1


def test_edits_are_lost_or_left_only_when_said(
    push: Run, grafana: GrafanaState, capsys: pytest.CaptureFixture[str]
) -> None:
    push()
    grafana.edit(FLEET, title="Fleet of Alice")
    assert push("--keep", FLEET) == 0
    assert "1 kept, 7 unchanged" in capsys.readouterr().out
    assert grafana.newest(FLEET)["title"] == "Fleet of Alice"
    assert push("--overwrite", FLEET) == 0
    assert grafana.newest(FLEET)["title"] == "Fleet"
    assert push("--overwrite", "no-such") == 2
    assert "--overwrite no-such: there is no such board to push" in capsys.readouterr().err


def test_a_save_in_the_last_moment_wins_and_is_shown(
    push: Run, grafana: GrafanaState, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Between our reading and our saving: Grafana answers 412, and nothing is overwritten."""
    push(changed_board(tmp_path, description="Old."))

    def edit_first(method: str, path: str) -> None:
        if path.endswith("/db"):
            grafana.fault = lambda method, path: None
            grafana.edit(FLEET, title="Quicker")

    grafana.fault = edit_first
    assert push(changed_board(tmp_path)) == 1
    shown = capsys.readouterr().err
    assert "saved by somebody else meanwhile" in shown and '- "title": "Quicker"' in shown
    assert grafana.newest(FLEET)["title"] == "Quicker"


def test_a_board_that_grafana_loads_from_files_is_not_pushed(
    push: Run, grafana: GrafanaState, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    push()
    grafana.provisioned.add(FLEET)
    assert push(changed_board(tmp_path, description="New.")) == 1
    assert "Grafana loads it from files" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("answer", "message"),
    [
        ((412, {"status": "name-exists", "message": "A dashboard with the same name exists"}), "412 A dashboard with"),
        ((412, {"status": "plugin-dashboard", "message": "It belongs to a plugin"}), "412 It belongs to a plugin"),
        ((400, {"message": "folder not found"}), "400 folder not found"),
        ((500, {"message": "database is locked"}), "500 database is locked"),
        ((502, "<html>Bad Gateway</html>"), "502 Bad Gateway"),
        ((403, {"message": "You'll need additional permissions"}), "needs the role Editor"),
        ((200, "<html>welcome</html>"), "does not answer like a Grafana"),
        ((200, {"uid": FLEET, "folderUid": ""}), "put the dashboard spanwise-fleet into the folder '' by itself"),
    ],
)
def test_a_save_that_is_refused_is_one_line(
    push: Run, grafana: GrafanaState, answer: Any, message: str, capsys: pytest.CaptureFixture[str]
) -> None:
    grafana.fault = after(0, lambda: answer)
    assert push() == 2
    error = capsys.readouterr().err
    assert message in error and "Saved: none. Not saved: spanwise-fleet, spanwise-service" in error
    assert len(error.splitlines()) == 1


def test_a_folder_that_goes_away_meanwhile(
    push: Run, grafana: GrafanaState, capsys: pytest.CaptureFixture[str]
) -> None:
    """Three boards are saved, then the folder is deleted; what is left is made up for by the next run."""

    def deleted() -> None:
        grafana.folders.clear()

    grafana.fault = after(3, deleted)
    assert push() == 2
    assert f"400 folder not found Saved: {', '.join(UIDS[:3])}. Not saved: {', '.join(UIDS[3:])}." in (
        capsys.readouterr().err.replace("found. ", "found ")
    )
    assert len(grafana.saves) == 3 and whole(grafana)
    grafana.fault = lambda method, path: None
    assert push() == 0
    assert sorted(grafana.saves) == sorted(UIDS) and whole(grafana)


@pytest.mark.parametrize("saved", [0, 1, 7])
@pytest.mark.parametrize("kind", ["hang up", "time out"])
def test_after_a_fault_every_board_is_whole_and_the_next_run_goes_on(
    push: Run,
    grafana: GrafanaState,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    saved: int,
    kind: str,
) -> None:
    monkeypatch.setattr(grafana_module, "TIMEOUT_S", 2.0)
    grafana.fault = after(saved, hang_up if kind == "hang up" else never(grafana))
    assert push() == 2
    error = capsys.readouterr().err
    assert ("it hung up" if kind == "hang up" else "did not answer within 2 s") in error
    assert f"Not saved: {', '.join(UIDS[saved:])}" in error
    assert len(grafana.saves) == saved and whole(grafana)
    grafana.fault = lambda method, path: None
    monkeypatch.setattr(grafana_module, "TIMEOUT_S", 20.0)
    assert push() == 0
    assert sorted(grafana.saves) == sorted(UIDS) and all(len(saves) == 1 for saves in grafana.saves.values())


def test_a_save_whose_answer_was_lost_is_not_made_twice(push: Run, grafana: GrafanaState) -> None:
    """The board was stored, and the connection broke before the answer."""
    grafana.forgets_to_answer = True
    assert push() == 2
    assert list(grafana.saves) == UIDS[:1]
    grafana.forgets_to_answer = False
    assert push() == 0
    assert all(len(saves) == 1 for saves in grafana.saves.values())


def test_a_wrong_token_ends_before_anything_is_written(
    push: Run, grafana: GrafanaState, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    for token, said in (("glsa_wrong", "Invalid API key"), ("", "Unauthorized")):
        monkeypatch.setenv("SPANWISE_GRAFANA_TOKEN", token)
        assert push() == 2
        error = capsys.readouterr().err
        assert said in error and "set SPANWISE_GRAFANA_TOKEN to a service account's token" in error
        assert len(error.splitlines()) == 1 and "glsa" not in error
    assert grafana.writes == 0


def test_a_token_is_taken_from_the_environment_alone(
    push: Run, grafana: GrafanaState, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".netrc").write_text("machine 127.0.0.1 login admin password admin\n")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert push() == 0
    assert {authorization for _, _, authorization in grafana.requests} == {f"Bearer {TOKEN}"}
    with pytest.raises(SystemExit):
        push("--token", "x")


def test_a_redirection_is_not_followed_with_the_token(
    push: Run, grafana: GrafanaState, capsys: pytest.CaptureFixture[str]
) -> None:
    with running_grafana() as elsewhere:
        grafana.fault = lambda method, path: (302, f"{elsewhere.url}/login")
        assert push() == 2
        assert f"sends to {elsewhere.url}/login: give that base address instead" in capsys.readouterr().err
        assert elsewhere.requests == []


def test_what_is_no_grafana_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["dashboards", "push", "--grafana-url", "http://127.0.0.1:9"]) == 2
    error = capsys.readouterr().err
    assert "cannot reach Grafana at http://127.0.0.1:9: connection refused. Is it running? Nothing was saved." in error


def test_another_folder_must_be_there(push: Run, grafana: GrafanaState, capsys: pytest.CaptureFixture[str]) -> None:
    assert push("--folder", "team") == 2
    assert "Grafana has no folder with the uid 'team'" in capsys.readouterr().err
    assert grafana.writes == 0
    grafana.folders["team"] = "Team"
    assert push("--folder", "team") == 0
    assert set(grafana.folder_of.values()) == {"team"}


def test_a_board_without_a_uid_is_refused(push: Run, tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert push(changed_board(tmp_path, uid="")) == 2
    assert "the board 'Fleet' has no uid" in capsys.readouterr().err


def test_two_boards_with_one_uid_are_refused(
    push: Run, grafana: GrafanaState, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    path = changed_board(tmp_path)
    assert push(path, path) == 2
    assert "two boards have the uid spanwise-fleet" in capsys.readouterr().err
    assert grafana.writes == 0


def test_what_grafana_writes_by_itself_is_no_difference() -> None:
    assert difference({"id": 7, "version": 3, "title": "A"}, {"title": "A"}, "x") == []
