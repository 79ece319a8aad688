"""Erase and search: a person who was erased is nowhere to be read, byte for byte, and the ledger still verifies."""

import re
from pathlib import Path

import msgspec
import pytest

from dispatch.application.erase import read_address
from dispatch.application.ports.privacy import AddressKind
from end_to_end.running import dispatch, up

pytestmark = [pytest.mark.end_to_end, pytest.mark.postgres, pytest.mark.nats]

CANARY = {"name": "Zephyrine Quillfeather", "phone": "07700 900777", "email": "zephyrine.quill@example.org"}
OTHER = {"name": "Barnabus Oxenthwaite", "phone": "07700 900778", "email": "barnabus.oxen@example.org"}
STAYS = {"name": "Cordelia Ploverdale", "phone": "07700 900779", "email": "cordelia.plover@example.org"}


def csv_of(*people: dict[str, str], name: str) -> str:
    header = "reference,service,price,customer_name,phone,email,postcode,lawful_basis"
    rows = [
        f"{name}-{number},boiler service,95.00,{person['name']},{person['phone']},{person['email']},NG9 6QR,contract"
        for number, person in enumerate(people, 1)
    ]
    return "\n".join([header, *rows]) + "\n"


def succeeds(*arguments: str, data: Path) -> str:
    """What the command printed; it must have ended well."""
    ended = dispatch(*arguments, "--data", str(data))
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def folders(paths: list[str]) -> set[str]:
    return {path.split("/")[0] for path in paths}


def found(folder: Path, *people: dict[str, str]) -> list[str]:
    """Every file below the folder that holds a name, a number or an address of these people."""
    words = [person["name"] for person in people] + [person["email"] for person in people]
    words += [f"+44{person['phone'].replace(' ', '')[1:]}" for person in people] + [p["phone"] for p in people]
    pattern = re.compile(b"|".join(re.escape(word.encode()) for word in words), re.IGNORECASE)
    files = (path for path in folder.rglob("*") if path.is_file() and not path.is_symlink())
    return sorted(str(path.relative_to(folder)) for path in files if pattern.search(path.read_bytes()))


@pytest.mark.acceptance("S.10", part="no personal data in logs")
def test_an_erased_person_is_nowhere_in_database_broker_logs_files_or_exports(tmp_path: Path):
    data, export = tmp_path / "data", tmp_path / "export"
    export.mkdir()
    with up(data) as running:
        for name, people in (("first", (CANARY, OTHER)), ("second", (STAYS,))):
            path = tmp_path / f"{name}.csv"
            path.write_text(csv_of(*people, name=name))
            succeeds("batch", "upload", str(path), "--wait", data=data)
        # Encrypted from the beginning: only the received files hold a person in plain text.
        assert folders(found(data, CANARY, OTHER, STAYS)) == {"files"}
        erase = ("contact", "erase", "--email", CANARY["email"], "--reason", "request 4711", "--yes", "--json")
        erasure = msgspec.json.decode(succeeds(*erase, data=data))["erasure"]
        assert len(erasure["jobs"]) == len(erasure["files_removed"]) == 1
        assert "nobody can read it any more" in succeeds("job", "show", erasure["jobs"][0], data=data)
        assert msgspec.json.decode(succeeds(*erase, data=data))["erasure"]["jobs"] == erasure["jobs"]
        succeeds("ledger", "checkpoint", "--sign-now", data=data)
        succeeds("ledger", "export", "--out", str(export / "ledger.ndjson"), data=data)
        succeeds("ledger", "verify", data=data)
        succeeds("privacy", "rotate-key", data=data)
        succeeds("ledger", "verify", data=data)
        with running.app() as app:
            assert app.persons.contact_id(read_address(AddressKind.EMAIL, CANARY["email"])) == erasure["contact_id"]
        running.stop()
    assert found(data, CANARY) == []
    assert found(export, CANARY, OTHER, STAYS) == []
    assert folders(found(data, STAYS)) == {"files"}
