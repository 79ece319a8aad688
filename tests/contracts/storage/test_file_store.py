"""What every store of files must do."""

import hashlib
import stat
from pathlib import Path

import pytest

from dispatch.adapters.storage.files import FolderFileStore
from dispatch.application.ports.files import FileStore

CONTENT = b"reference,service\n"
HASH = hashlib.sha256(CONTENT).hexdigest()


@pytest.fixture
def store(tmp_path: Path) -> FileStore:
    return FolderFileStore(tmp_path / "files")


def uploaded(store: FileStore) -> Path:
    upload = store.new_upload()
    upload.write_bytes(CONTENT)
    return upload


@pytest.mark.acceptance("1.01")
def test_a_kept_file_is_found_by_its_hash(store: FileStore):
    upload = uploaded(store)
    kept = store.keep(upload, HASH)
    assert store.path(HASH) == kept
    assert kept.read_bytes() == CONTENT
    assert not upload.exists()


def test_the_same_content_twice_is_one_file(store: FileStore):
    assert store.keep(uploaded(store), HASH) == store.keep(uploaded(store), HASH)


def test_a_file_that_was_not_kept_is_not_there(store: FileStore):
    uploaded(store)
    with pytest.raises(FileNotFoundError):
        store.path(HASH)


def test_uploads_do_not_meet(store: FileStore):
    assert store.new_upload() != store.new_upload()


def test_a_discarded_upload_is_gone_and_may_be_discarded_again(store: FileStore):
    upload = uploaded(store)
    store.discard(upload)
    store.discard(upload)
    assert not upload.exists()


def test_kept_files_are_not_discarded(store: FileStore):
    kept = store.keep(uploaded(store), HASH)
    with pytest.raises(ValueError, match="not an upload"):
        store.discard(kept)


@pytest.mark.parametrize("name", ["", "../../etc/passwd", HASH.upper(), HASH + "/", HASH[:-1]])
def test_only_hashes_are_names(store: FileStore, name: str):
    with pytest.raises(ValueError, match="SHA-256"):
        store.path(name)


def test_only_the_owner_can_look_into_the_folder(tmp_path: Path):
    FolderFileStore(tmp_path / "files")
    assert stat.S_IMODE((tmp_path / "files").stat().st_mode) == 0o700


def test_another_process_finds_the_file(tmp_path: Path):
    FolderFileStore(tmp_path).keep(uploaded(FolderFileStore(tmp_path)), HASH)
    assert FolderFileStore(tmp_path).path(HASH) == tmp_path / HASH[:2] / HASH[2:4] / HASH
