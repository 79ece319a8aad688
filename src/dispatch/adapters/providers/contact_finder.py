"""A contact finder over HTTP: GET /contacts, for the person behind a reference or in a role at a company."""

import msgspec
from pyreqwest.client import Client

from dispatch.adapters.providers.http import bearer, call, endpoint
from dispatch.application.ports.providers import ContactFinder, FoundContact, FoundPerson


class _Contact(msgspec.Struct):
    """The answer. Both fields must be there, empty or not: an error inside a 200 has neither."""

    email: str
    phone: str
    source: str = ""


class _Holder(msgspec.Struct):
    """The answer about a role. Name and address must be there, empty or not."""

    full_name: str
    email: str
    phone: str = ""
    linkedin_url: str = ""
    source: str = ""


_holders = msgspec.json.Decoder(_Holder)
_contacts = msgspec.json.Decoder(_Contact)


class HttpContactFinder(ContactFinder):
    """Asks `GET {base_url}/contacts`, with the key as a bearer token."""

    def __init__(self, client: Client, base_url: str, api_key: str = "") -> None:
        self._client, self._url, self._headers = client, endpoint(base_url, "contacts"), bearer(api_key)

    async def find(self, reference: str, name: str, postcode: str, email: str, phone: str) -> FoundContact:
        known = {"reference": reference, "name": name, "postcode": postcode, "email": email, "phone": phone}
        request = self._client.get(self._url).query(known).headers(self._headers).build()
        found = await call(request, _contacts, about=known.values())
        return FoundContact(email=found.email, phone=found.phone, source=found.source)

    async def find_in_role(self, website: str, company: str, role: str) -> FoundPerson:
        asked = {"reference": website, "company": company, "role": role}
        request = self._client.get(self._url).query(asked).headers(self._headers).build()
        found = await call(request, _holders, about=(website, company))
        return FoundPerson(
            name=found.full_name.strip(),
            email=found.email.strip().casefold(),
            phone=found.phone.strip(),
            profile_url=found.linkedin_url,
            source=found.source,
        )
