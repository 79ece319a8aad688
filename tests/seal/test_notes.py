"""Notes and keys as other tools of transparency logs write them, and notes that must never open."""

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dispatch.adapters.seal.keys import SealKey, trusted_keys
from dispatch.adapters.seal.notes import (
    KeyInvalid,
    NoteInvalid,
    PrivateKey,
    PublicKey,
    open_note,
    parse_private_key,
    parse_public_key,
    sign_note,
)
from dispatch.domain.checkpoint import Checkpoint, CheckpointInvalid, parse_checkpoint

# The example of the documentation of golang.org/x/mod/sumdb/note.
PETER = "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
PETER_SECRET = "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
TEXT = "If you think cryptography is the answer to your problem,\nthen you don't know what your problem is.\n"
SIGNATURE = (
    "— PeterNeumann x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6RyyBwJnAM=\n"
)
NOTE = f"{TEXT}\n{SIGNATURE}"

KEY = PrivateKey("example.org/ledger", bytes(range(32)))
OTHER = PrivateKey("example.org/ledger", bytes(range(1, 33)))
CHECKPOINT = Checkpoint("example.org/ledger", 300, bytes(range(32)))
GOLDEN = """\
example.org/ledger
300
AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=

"""


def test_a_note_of_another_program_opens_and_is_signed_alike():
    key = parse_private_key(PETER_SECRET)
    assert key.public == parse_public_key(PETER)
    assert (key.text(), key.public.text()) == (PETER_SECRET, PETER)
    assert open_note(NOTE, [key.public]) == TEXT
    assert sign_note(TEXT, [key]) == NOTE


def test_a_checkpoint_is_three_lines_under_a_signature():
    note = sign_note(CHECKPOINT.text(), [KEY])
    assert note.startswith(GOLDEN)
    assert parse_checkpoint(open_note(note, [KEY.public])) == CHECKPOINT
    assert KEY.public.text().startswith("example.org/ledger+")


@given(st.integers(0, len(NOTE.encode()) - 1), st.integers(0, 255))
def test_a_note_with_one_other_byte_does_not_open(at: int, byte: int):
    data = bytearray(NOTE.encode())
    if data[at] == byte:
        return
    data[at] = byte
    try:
        forged = data.decode()
    except UnicodeDecodeError:
        return
    with pytest.raises(NoteInvalid):
        open_note(forged, [parse_public_key(PETER)])


@pytest.mark.parametrize(
    "note",
    [
        "",
        TEXT,
        f"{TEXT}\n",
        NOTE.rstrip("\n"),
        NOTE.replace("—", "-"),
        NOTE.replace("\n\n", "\n"),
        f"{NOTE}{SIGNATURE[:-10]}\n",
        f"{TEXT}\r\n{SIGNATURE}",
        f"{TEXT}\n— {SIGNATURE[2:]}— PeterNeumann AAAA\n",
        f"{TEXT}\n" + SIGNATURE * 65,
    ],
)
def test_what_is_not_a_note_does_not_open(note: str):
    with pytest.raises(NoteInvalid):
        open_note(note, [parse_public_key(PETER)])


def test_only_a_known_key_opens():
    note = sign_note(CHECKPOINT.text(), [KEY])
    with pytest.raises(NoteInvalid, match="none of the known keys"):
        open_note(note, [OTHER.public])
    with pytest.raises(NoteInvalid, match="none of the known keys"):
        open_note(note, [])
    with pytest.raises(NoteInvalid, match="none of the known keys"):
        open_note(note, [PublicKey("example.org/other", KEY.public.public)])
    assert open_note(sign_note(CHECKPOINT.text(), [KEY, OTHER]), [OTHER.public]) == CHECKPOINT.text()


def test_a_wrong_signature_of_a_known_key_closes_the_note_whoever_else_signed():
    stolen = sign_note("another text\n", [KEY]).split("\n\n")[1]
    forged = sign_note(CHECKPOINT.text(), [OTHER]) + stolen
    assert open_note(forged, [OTHER.public]) == CHECKPOINT.text()
    with pytest.raises(NoteInvalid, match="the text was changed"):
        open_note(forged, [KEY.public, OTHER.public])


@pytest.mark.parametrize(
    "text",
    [
        "",
        "PeterNeumann",
        PETER.replace("c74f20a3", "c74f20a4"),
        PETER.replace("PeterNeumann", "PeterNewmann"),
        PETER[:-4],
        PETER.replace("+ARpc", "+BRpc"),
        PETER_SECRET,
    ],
)
def test_a_damaged_public_key_is_refused(text: str):
    with pytest.raises(KeyInvalid):
        parse_public_key(text)


@pytest.mark.parametrize("text", [PETER, PETER_SECRET.replace("c74f20a3", "c74f20a4"), PETER_SECRET[:-4]])
def test_a_damaged_private_key_is_refused_without_a_word_of_it(text: str):
    with pytest.raises(KeyInvalid) as refused:
        parse_private_key(text)
    assert "AYEKFALV" not in str(refused.value)


@pytest.mark.parametrize("name", ["", "two words", "one+more"])
def test_a_name_is_one_word(name: str):
    with pytest.raises(KeyInvalid):
        PrivateKey.generate(name)


@pytest.mark.parametrize(
    "text",
    [
        "origin\n3\n",
        "origin\n03\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "origin\n-3\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "origin\n3\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh9=\n",
        "origin\n3\nAAEC\n",
        "origin\n3\n!\n",
        "\n3\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=\n",
        "origin\n3\nAAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=",
    ],
)
def test_what_is_no_checkpoint_is_refused(text: str):
    with pytest.raises(CheckpointInvalid):
        parse_checkpoint(text)


def test_a_rotation_ties_the_keys_in_both_directions(tmp_path: Path):
    key = SealKey(tmp_path / "seal.key", tmp_path / "rotations.txt", "example.org/ledger")
    first = key.signer().public
    second = key.rotate()
    third = key.rotate()
    assert len({first.id, second.id, third.id}) == 3
    assert key.signer().public == third
    assert set(key.trusted()) == {first, second, third}
    assert set(trusted_keys(first, key.rotations())) == {first, second, third}
    assert trusted_keys(OTHER.public, key.rotations()) == [OTHER.public]
    assert (tmp_path / "seal.key").stat().st_mode & 0o077 == 0


def test_a_rotation_that_only_one_key_signed_ties_nothing(tmp_path: Path):
    key = SealKey(tmp_path / "seal.key", tmp_path / "rotations.txt", "example.org/ledger")
    first = key.signer().public
    key.rotate()
    [note] = key.rotations()
    text, _, signatures = note.rpartition("\n\n")
    for one in signatures.splitlines():
        assert trusted_keys(first, [f"{text}\n\n{one}\n"]) == [first]
    assert trusted_keys(first, [note.replace("key-rotation", "key-rotatiom")]) == [first]
