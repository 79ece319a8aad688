"""Webhooks over https: the certificate is checked, and an authority of one's own can be named."""

from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import pytest
from cryptography.hazmat.primitives.serialization import Encoding

from authority import DAY, Authority
from dispatch.adapters.outbound.addresses import AddressGuard
from dispatch.adapters.webhooks.sender import PyreqwestSender
from dispatch.application.ports.webhooks import Answer
from dispatch.domain.endpoint.state import Endpoint
from dispatch.entrypoints.settings import Settings, SettingsError
from dispatch.entrypoints.webhooks import read_authorities
from receiver import receiver

HOST = "hooks.example.com"


async def send(
    folder: Path, shown: Authority, believed: list[bytes], host: str = HOST, until: timedelta = DAY
) -> Answer:
    """What comes of a message to HOST, where a server shows a certificate of this host, good until then."""
    with receiver(shown.context(folder, host, until=until)) as hooks:
        guard = AddressGuard(HOST, "SETTING", lambda *_: ["127.0.0.1"])
        sender = PyreqwestSender(guard, authorities=believed)
        url = f"https://{HOST}:{hooks.url.rpartition(':')[2]}/x"
        endpoint = Endpoint(endpoint_id=str(uuid4()), url=url)
        assert await sender.open(endpoint) == ""
        answer = await sender.send(endpoint, "m", {"webhook-id": "m"}, b"{}")
        await sender.close()
        assert len(hooks.received) == (1 if answer.status else 0)
    return answer


async def test_a_certificate_of_a_named_authority_is_believed(tmp_path: Path):
    ours, another = Authority(), Authority()
    bundle = tmp_path / "authorities.pem"
    bundle.write_bytes(another.pem() + ours.pem())
    believed = read_authorities(Settings(endpoint_ca_file=str(bundle)))
    assert len(believed) == 2
    assert (await send(tmp_path, ours, believed)).status == 204


@pytest.mark.parametrize(
    ("host", "until", "is_known", "why"),
    [
        (HOST, DAY, False, "UnknownIssuer"),
        ("other.example.com", DAY, True, "not valid for name"),
        (HOST, -DAY / 2, True, "expired"),
    ],
)
async def test_a_certificate_that_is_not_good_is_refused_and_nothing_is_sent(
    tmp_path: Path, host: str, until: timedelta, is_known: bool, why: str
):
    authority = Authority()
    believed = [authority.certificate.public_bytes(Encoding.DER)] if is_known else []
    answer = await send(tmp_path, authority, believed, host, until)
    assert (answer.status, answer.error) == (0, "certificate_refused")
    assert why in answer.excerpt


@pytest.mark.parametrize(("content", "why"), [(None, "No such file"), (b"key", "holds no certificates in PEM form")])
def test_a_file_of_authorities_that_is_none_is_said_at_the_start(tmp_path: Path, content: bytes | None, why: str):
    path = tmp_path / "authorities.pem"
    if content is not None:
        path.write_bytes(content)
    with pytest.raises(SettingsError, match=rf"^DISPATCH_ENDPOINT_CA_FILE: .*{why}"):
        read_authorities(Settings(endpoint_ca_file=str(path)))
