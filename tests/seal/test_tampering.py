"""Whoever owns the database changes, removes, reorders or back-dates events: each is found and named (promise T1)."""

from collections.abc import Callable
from uuid import UUID

import pytest
from psycopg import sql

from dispatch.adapters.seal.exports import CheckpointFolder
from dispatch.adapters.seal.keys import SealKey
from dispatch.adapters.seal.notes import PrivateKey
from dispatch.application.ports.evidence import DamageKind, EvidenceMissing, Verdict

pytestmark = pytest.mark.postgres

FORGED = UUID(int=7)
INSERT = (
    "INSERT INTO ledger.stored_events (originator_id, originator_version, topic, state, notification_id)"
    " VALUES (%s, 1, 'JobDelivered', '{}', %s)"
)
AGAIN = "TRUNCATE ledger.seal_tiles, ledger.seal_checkpoints"


@pytest.fixture
def sealed(sealer, grow):
    """600 events under three checkpoints, of 300, 500 and 600; that of 500 was exported."""
    for events in (300, 200):
        grow(events)
        sealer.step()
    sealer.export()
    grow(100)
    sealer.step()
    return sealer


def place(superuser, position: int) -> tuple[int, str, int]:
    row = superuser.execute(
        "SELECT notification_id, originator_id::text, originator_version FROM ledger.stored_events"
        " WHERE notification_id = %s",
        (position,),
    ).fetchone()
    assert row is not None
    return row


def found(verdict: Verdict) -> list[tuple]:
    assert verdict.damaged == len(verdict.damage)
    return [(one.kind, one.position, one.stream, one.version) for one in verdict.damage]


def test_an_honest_ledger_is_good(sealed, grow, verify):
    grow(7)
    verdict = verify()
    assert verdict.is_good
    assert (verdict.events, verdict.size, verdict.unsealed) == (600, 600, 7)
    assert (verdict.checkpoints, verdict.exported) == (3, 1)


@pytest.mark.parametrize("position", [1, 256, 257, 450, 512, 600])
def test_one_flipped_byte_names_its_event(sealed, superuser, verify, position: int):
    superuser.execute(
        "UPDATE ledger.stored_events SET state = set_byte(state, 10, get_byte(state, 10) # 1)"
        " WHERE notification_id = %s",
        (position,),
    )
    assert found(verify()) == [(DamageKind.EVENT_CHANGED, *place(superuser, position))]


@pytest.mark.parametrize(
    "change",
    [
        "topic = 'JobCancelled'",
        "recorded_at = recorded_at - interval '1 microsecond'",
        "recorded_at = '-infinity'",
        "actor = 'eve'",
        "actor = NULL",
        "correlation_id = NULL",
        "causation_id = gen_random_uuid()",
        "originator_id = gen_random_uuid()",
        "originator_version = 9",
        "state = state || ' '",
    ],
)
def test_each_column_is_sealed(sealed, superuser, verify, change: str):
    forge = sql.SQL("UPDATE ledger.stored_events SET {} WHERE notification_id = 301")
    superuser.execute(forge.format(sql.SQL(change)))
    assert found(verify()) == [(DamageKind.EVENT_CHANGED, *place(superuser, 301))]


def test_the_first_bad_event_comes_first(sealed, superuser, verify):
    superuser.execute("UPDATE ledger.stored_events SET actor = 'eve' WHERE notification_id IN (590, 3, 77)")
    assert [one.position for one in verify().damage] == [3, 77, 590]


def test_two_swapped_events_are_both_named(sealed, superuser, verify):
    superuser.execute("UPDATE ledger.stored_events SET notification_id = -1 WHERE notification_id = 10")
    superuser.execute("UPDATE ledger.stored_events SET notification_id = 10 WHERE notification_id = 20")
    superuser.execute("UPDATE ledger.stored_events SET notification_id = 20 WHERE notification_id = -1")
    assert found(verify()) == [
        (DamageKind.EVENT_CHANGED, *place(superuser, 10)),
        (DamageKind.EVENT_CHANGED, *place(superuser, 20)),
    ]


def test_swapped_states_are_both_named(sealed, superuser, verify):
    superuser.execute(
        "UPDATE ledger.stored_events AS one SET state = other.state FROM ledger.stored_events AS other"
        " WHERE (one.notification_id, other.notification_id) IN ((10, 20), (20, 10))"
    )
    assert [one.position for one in verify().damage] == [10, 20]


@pytest.mark.parametrize("position", [0, -(1 << 63), 33])
def test_an_event_put_in_the_past_is_named(sealed, superuser, grow, verify, position: int):
    if position > 0:  # A gap, as an append that was rolled back leaves one.
        superuser.execute("SELECT setval('ledger.stored_events_notification_id_seq', 700)")
        grow(3)
        sealed.step()
        position = 650
    superuser.execute(INSERT, (FORGED, position))
    assert found(verify()) == [(DamageKind.EVENT_LATE, position, str(FORGED), 1)]


def test_a_removed_event_is_named(sealed, superuser, verify):
    [(first, stream, version)] = [place(superuser, 1)]
    superuser.execute("DELETE FROM ledger.stored_events WHERE notification_id = 1")
    assert (first, version) == (1, 1)
    assert found(verify()) == [(DamageKind.EVENT_MISSING, 1, stream, 1)]


def test_the_last_event_of_a_stream_is_named_by_its_position(sealed, superuser, verify):
    superuser.execute("DELETE FROM ledger.stored_events WHERE notification_id = 600")
    assert found(verify()) == [(DamageKind.EVENT_MISSING, 600, None, None)]


def test_a_removed_end_is_found_from_the_tiles(sealed, superuser, verify):
    superuser.execute("DELETE FROM ledger.stored_events WHERE notification_id > 597")
    assert [(kind, position) for kind, position, _, _ in found(verify())] == [
        (DamageKind.EVENT_MISSING, 598),
        (DamageKind.EVENT_MISSING, 599),
        (DamageKind.EVENT_MISSING, 600),
    ]


def test_an_end_removed_with_all_its_traces_is_found_from_the_exported_checkpoint(sealed, superuser, verify):
    superuser.execute("DELETE FROM ledger.stored_events WHERE notification_id > 300")
    superuser.execute("DELETE FROM ledger.seal_checkpoints WHERE size > 300")
    superuser.execute("DELETE FROM ledger.seal_tiles WHERE level = 0 AND index > 1")
    superuser.execute(
        "UPDATE ledger.seal_tiles SET hashes = substring(hashes FOR 44 * 32), last_position = 300"
        " WHERE level = 0 AND index = 1"
    )
    verdict = verify()
    [tail] = [one for one in verdict.damage if one.kind is DamageKind.TAIL_MISSING]
    assert (tail.position, tail.size) == (301, 500)
    assert "200 sealed events are gone from the end, behind position 300" in tail.what
    assert {one.kind for one in verdict.damage} == {DamageKind.TAIL_MISSING, DamageKind.LEDGER_BEHIND}


def test_an_event_rewritten_with_its_tile_is_bounded_by_the_checkpoints(
    sealed, superuser, verify, open_sealer, exports
):
    """Without the key, the forger can make tiles that fit, but no checkpoint."""
    superuser.execute("UPDATE ledger.stored_events SET actor = 'eve' WHERE notification_id = 450")
    signed = superuser.execute("SELECT size, previous, position, note FROM ledger.seal_checkpoints").fetchall()
    superuser.execute(AGAIN)
    forger = open_sealer()
    forger._exports = CheckpointFolder(exports.path / "elsewhere")
    forger.step()
    superuser.execute("TRUNCATE ledger.seal_checkpoints")
    with superuser.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO ledger.seal_checkpoints (size, previous, position, note) VALUES (%s, %s, %s, %s)", signed
        )
    [damage, *more] = verify().damage
    assert not more
    assert damage.kind is DamageKind.TREE_CHANGED
    assert (damage.position, damage.stream, damage.version) == place(superuser, 301)
    assert "events between positions 301 and 500 were rewritten" in damage.what


def test_a_history_signed_anew_with_the_key_contradicts_the_exported_copy(
    sealed, superuser, verify, open_sealer, exports
):
    superuser.execute("UPDATE ledger.stored_events SET actor = 'eve' WHERE notification_id = 450")
    superuser.execute(AGAIN)
    thief = open_sealer()
    thief._exports = CheckpointFolder(exports.path / "elsewhere")
    thief.step()
    damage = {one.kind: one for one in verify().damage}
    assert set(damage) == {DamageKind.TREE_CHANGED, DamageKind.CHECKPOINT_MISSING}
    assert "the exported copy signs" in damage[DamageKind.TREE_CHANGED].what


@pytest.mark.parametrize(
    ("forge", "why"),
    [
        (
            "UPDATE ledger.seal_checkpoints SET note = replace(note, E'\\n500\\n', E'\\n499\\n') WHERE size = 500",
            "changed",
        ),
        ("UPDATE ledger.seal_checkpoints SET size = 499 WHERE size = 500", "it was signed for 500 events"),
        ("UPDATE ledger.seal_checkpoints SET note = 'x' WHERE size = 500", "not a signed note"),
    ],
    ids=["text", "size", "nothing"],
)
def test_a_rewritten_checkpoint_is_named(sealed, superuser, verify, forge: str, why: str):
    superuser.execute(forge)
    damage = [one for one in verify().damage if one.kind is DamageKind.CHECKPOINT_CHANGED]
    assert [one.size in {499, 500} and why in one.what for one in damage] == [True]


def test_a_checkpoint_of_another_tree_is_named(sealed, superuser, verify, seal_key: SealKey):
    from dispatch.adapters.seal.notes import sign_note
    from dispatch.domain.checkpoint import Checkpoint

    note = sign_note(Checkpoint("example.org/ledger", 300, bytes(32)).text(), [seal_key.signer()])
    superuser.execute("UPDATE ledger.seal_checkpoints SET note = %s WHERE size = 300", (note,))
    [damage] = verify().damage
    assert (damage.kind, damage.size) == (DamageKind.CHECKPOINT_CHANGED, 300)
    assert "signed, but of another tree" in damage.what


@pytest.mark.parametrize("size", [300, 500])
def test_a_removed_checkpoint_is_missed(sealed, superuser, verify, size: int):
    superuser.execute("DELETE FROM ledger.seal_checkpoints WHERE size = %s", (size,))
    verdict = verify()
    assert {(one.kind, one.size) for one in verdict.damage} == {(DamageKind.CHECKPOINT_MISSING, size)}


def test_a_changed_tile_is_told_from_a_changed_event(sealed, superuser, verify):
    # The fifth hash of the tile is flipped: a fixed byte may stand there already.
    superuser.execute(
        "UPDATE ledger.seal_tiles SET hashes = set_byte(hashes, 128, 255 - get_byte(hashes, 128))"
        " WHERE level = 0 AND index = 1"
    )
    [damage] = verify().damage
    assert (damage.kind, damage.position) == (DamageKind.TILE_CHANGED, 261)
    assert "the event itself is right" in damage.what


@pytest.mark.parametrize("index", [0, 1, 2])
def test_a_removed_tile_is_named_and_the_events_are_still_checked(sealed, superuser, verify, index: int):
    superuser.execute("DELETE FROM ledger.seal_tiles WHERE level = 0 AND index = %s", (index,))
    [damage] = verify().damage
    assert damage.kind is DamageKind.TILE_CHANGED
    assert f"tile {index} of level 0" in damage.what


def test_a_changed_level_above_is_named(sealed, superuser, verify):
    superuser.execute("UPDATE ledger.seal_tiles SET hashes = set_byte(hashes, 5, 0) WHERE level = 1")
    [damage] = verify().damage
    assert "tile 0 of level 1" in damage.what


def test_since_a_checkpoint_only_what_came_after_is_hashed(sealed, superuser, verify, exports: CheckpointFolder):
    since = exports.latest().note
    verdict = verify(since)
    assert verdict.is_good
    assert (verdict.events, verdict.size) == (600 - 256, 600)
    superuser.execute("UPDATE ledger.stored_events SET actor = 'eve' WHERE notification_id = 3")
    assert verify(since).is_good  # That is what --since leaves out.
    superuser.execute("UPDATE ledger.stored_events SET actor = 'eve' WHERE notification_id = 550")
    assert found(verify(since)) == [(DamageKind.EVENT_CHANGED, *place(superuser, 550))]


@pytest.mark.parametrize("before", ["DELETE FROM ledger.stored_events WHERE notification_id = 9", INSERT])
def test_since_a_checkpoint_the_earlier_events_are_counted(sealed, superuser, verify, exports, before: str):
    superuser.execute(before, (FORGED, -5) if before == INSERT else ())
    [damage] = verify(exports.latest().note).damage
    assert (damage.kind, damage.position) in {(DamageKind.EVENT_MISSING, 9), (DamageKind.EVENT_LATE, -5)}


def test_since_a_checkpoint_of_a_tree_that_was_replaced(sealed, superuser, verify, exports, open_sealer):
    since = exports.latest().note
    superuser.execute("UPDATE ledger.stored_events SET actor = 'eve' WHERE notification_id = 3")
    superuser.execute(AGAIN)
    exports.path.rename(exports.path.with_name("hidden"))
    open_sealer().step()
    assert verify().is_good  # Who holds the key and every copy is only shown by a copy that he does not hold:
    [damage] = verify(since).damage
    assert damage.kind is DamageKind.TREE_CHANGED


def test_there_must_be_something_to_check_with(verify, grow, sealer, seal_key: SealKey):
    with pytest.raises(EvidenceMissing, match="key_missing"):
        verify()
    seal_key.signer()
    with pytest.raises(EvidenceMissing, match="nothing_sealed"):
        verify()
    grow(2)
    sealer.step()
    assert verify().is_good
    stranger = PrivateKey.generate("example.org/ledger").public.text()
    assert [one.kind for one in verify(key=stranger).damage] == [DamageKind.CHECKPOINT_CHANGED]
    assert verify(key=seal_key.signer().public.text()).is_good
    with pytest.raises(EvidenceMissing, match="checkpoint_invalid"):
        verify("no checkpoint")


def test_checkpoints_of_an_earlier_key_are_still_good(sealed, grow, verify, seal_key: SealKey, open_sealer: Callable):
    first = seal_key.signer().public.text()
    seal_key.rotate()
    grow(10)
    open_sealer().step()
    open_sealer().export()
    for key in (None, first, seal_key.signer().public.text()):
        verdict = verify(key=key)
        assert verdict.is_good
        assert (verdict.checkpoints, verdict.exported) == (4, 2)
