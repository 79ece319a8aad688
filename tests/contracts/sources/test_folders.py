"""Folders and files of sources: what is settled is read, what is hostile is not, and nothing is lost or overwritten."""

import os
from pathlib import Path

import pytest

from dispatch.adapters.sources.folders import FileOfFolder, Folders
from dispatch.application.ports.sources import LookFailed


@pytest.fixture
def inbox(tmp_path: Path) -> Path:
    folder = tmp_path / "in"
    folder.mkdir()
    return folder


def folders(allowed: Path, meanwhile=lambda: None) -> Folders:
    """Folders whose pause between two looks is as long as `meanwhile` takes."""
    return Folders([allowed], sleep=lambda _: meanwhile())


def seen(reach: Folders, location: Path) -> dict[str, bytes]:
    with reach.folder(str(location)) as files:
        return {file.name: b"".join(file.chunks()) for file in files}


def failure(reach: Folders, location: object) -> LookFailed:
    with pytest.raises(LookFailed) as caught, reach.folder(str(location)):
        pass
    assert caught.value.fix
    return caught.value


def test_files_are_seen_and_half_ones_are_not(inbox: Path):
    for name in ("a.csv", "b.JSONL", ".hidden", "c.csv.part", "d.TMP", "e.crdownload"):
        (inbox / name).write_text(name)
    (inbox / "folder").mkdir()
    os.mkfifo(inbox / "pipe")
    assert seen(folders(inbox), inbox) == {"a.csv": b"a.csv", "b.JSONL": b"b.JSONL"}


def test_a_file_that_somebody_writes_waits_for_the_next_look(inbox: Path):
    (inbox / "still.csv").write_text("a")
    (inbox / "grows.csv").write_text("a")
    (inbox / "moved.csv.part").write_text("whole")

    def meanwhile() -> None:
        with (inbox / "grows.csv").open("a") as file:
            file.write("b")
        (inbox / "moved.csv.part").rename(inbox / "moved.csv")

    reach = folders(inbox, meanwhile)
    assert seen(reach, inbox) == {"still.csv": b"a"}
    assert seen(folders(inbox), inbox) == {"still.csv": b"a", "grows.csv": b"ab", "moved.csv": b"whole"}


def test_a_file_that_changes_while_it_is_read_is_left_alone(inbox: Path):
    (inbox / "a.csv").write_text("a")
    with folders(inbox).folder(str(inbox)) as [file]:
        with (inbox / "a.csv").open("a") as other:
            other.write("b")
        with pytest.raises(LookFailed, match="was written while"):
            list(file.chunks())
        with pytest.raises(LookFailed, match="another file now"):
            file.take("2026-11-27")
    assert (inbox / "a.csv").read_text() == "ab"


def test_taken_files_are_kept_by_day_and_never_overwritten(inbox: Path):
    for content in ("1", "2", "3"):
        (inbox / "a.csv").write_text(content)
        with folders(inbox).folder(str(inbox)) as [file]:
            file.take("2026-11-27")
    kept = {path.name: path.read_text() for path in (inbox / "taken" / "2026-11-27").iterdir()}
    assert kept == {"a.csv": "1", "a-2.csv": "2", "a-3.csv": "3"}
    assert seen(folders(inbox), inbox) == {}


def test_refused_files_are_kept_with_the_reason_beside_them(inbox: Path):
    for content in ("1", "2"):
        (inbox / "bad").write_text(content)
        with folders(inbox).folder(str(inbox)) as [file]:
            file.refuse(f"because of {content}\n")
    kept = {path.name: path.read_text() for path in (inbox / "refused").iterdir()}
    assert kept == {
        "bad": "1", "bad.why.txt": "because of 1\n", "bad-2": "2", "bad-2.why.txt": "because of 2\n",
    }  # fmt: skip


def test_links_are_never_followed(inbox: Path, tmp_path: Path):
    secret = tmp_path / "secret.csv"
    secret.write_text("secret")
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "other.csv").write_text("other")
    (inbox / "link.csv").symlink_to(secret)
    (inbox / "way").symlink_to(outside)
    reach = folders(inbox)
    assert seen(reach, inbox) == {}
    assert failure(reach, inbox / "way").code == "folder_not_allowed"
    for location in (inbox / "link.csv", inbox / "way" / "other.csv"):
        with pytest.raises(LookFailed) as caught, reach.file(str(location), ""):
            pass
        assert caught.value.code == "folder_not_allowed"


def test_a_link_that_comes_between_the_looks_is_not_followed(inbox: Path, tmp_path: Path):
    secret = tmp_path / "secret.csv"
    secret.write_text("secret")
    (inbox / "a.csv").write_text("a")

    def meanwhile() -> None:
        (inbox / "a.csv").unlink()
        (inbox / "a.csv").symlink_to(secret)

    assert seen(folders(inbox, meanwhile), inbox) == {}


def test_a_link_named_taken_leads_nothing_out(inbox: Path, tmp_path: Path):
    (inbox / "taken").symlink_to(tmp_path)
    (inbox / "a.csv").write_text("a")
    with pytest.raises(LookFailed, match="Taken is or leads"), folders(inbox).folder(str(inbox)) as [file]:
        file.take("2026-11-27")
    assert (inbox / "a.csv").exists()


@pytest.mark.parametrize("place", ["/", "/etc", "in/../../etc", "in", "", "{root}-beside", "{root}/../x"])
def test_only_what_is_below_the_allowed_folders_can_be_named(inbox: Path, place: str):
    refused = failure(folders(inbox), place.format(root=inbox))
    assert refused.code == "folder_not_allowed"
    assert "DISPATCH_SOURCE_FOLDERS" in refused.fix


def test_what_is_not_there_or_may_not_be_read_is_said(inbox: Path):
    assert failure(folders(inbox), inbox / "none").code == "file_unreadable"
    (inbox / "a").write_text("")
    assert failure(folders(inbox), inbox / "a").code == "folder_not_allowed"


def test_a_file_is_known_again_by_its_size_and_time(inbox: Path):
    reach, path = folders(inbox), inbox / "prices.csv"
    path.write_text("a")
    with reach.file(str(path), "") as found:
        assert found is not None
        mark = found.mark
        assert b"".join(found.chunks()) == b"a"
    with reach.file(str(path), mark) as found:
        assert found is None
    path.write_text("b2")
    with reach.file(str(path), mark) as found:
        assert found is not None


def test_a_file_that_somebody_else_has_moved_is_no_error(inbox: Path):
    (inbox / "a.csv").write_text("a")
    with folders(inbox).folder(str(inbox)) as [file]:
        assert isinstance(file, FileOfFolder)
        (inbox / "a.csv").unlink()
        file.take("2026-11-27")
    assert list((inbox / "taken" / "2026-11-27").iterdir()) == []
