"""Providers for tests: they implement the ports, answer what they are told, and remember what they were asked."""

import asyncio

from dispatch.adapters.provider_sheet_memory import MemoryProviderSheet
from dispatch.application.calling.line import only
from dispatch.application.calling.standings import Standings
from dispatch.application.calling.switchboard import Switchboard
from dispatch.application.ports.providers import FoundContact, FoundPerson, Message, Providers, Verdict
from dispatch.domain.job.receipt_status import ReceiptStatus


def holder(website, role):
    """Who holds a role where nothing else is told."""
    name = role.replace(" ", ".").lower()
    return FoundPerson(name=f"The {role}", email=f"{name}@{website}", phone="+447700900001", source="finder")


class Told:
    """Answers from a table by what was asked, else with a default; an exception in the table is raised."""

    def __init__(self, default):
        self.answers, self.default, self.asked = {}, default, []
        self.in_flight = self.in_flight_max = 0

    async def answer(self, question, key):
        self.asked.append(question)
        self.in_flight += 1
        self.in_flight_max = max(self.in_flight_max, self.in_flight)
        await asyncio.sleep(0)  # Others come in between, as over a network.
        self.in_flight -= 1
        answer = self.answers.get(key, self.default)
        if isinstance(answer, Exception):
            raise answer
        return answer


class Finder(Told):
    """ContactFinder, by reference."""

    async def find(self, reference, name, postcode, email, phone):
        return await self.answer((reference, name, postcode, email, phone), reference)

    async def find_in_role(self, website, company, role):
        """By website and role; everybody is known by default, at the company's own host."""
        key = website, role
        if key not in self.answers and isinstance(self.default, FoundContact):
            self.answers[key] = holder(website, role)
        return await self.answer((website, company, role), key)


class Verifier(Told):
    """EmailVerifier, by address."""

    async def verdict(self, email):
        return await self.answer(email, email)


class Messenger(Told):
    """Notifier, by idempotency key (of a message) or message id (of a receipt); what it sent, once per key."""

    def __init__(self):
        super().__init__(ReceiptStatus.DELIVERED)
        self.sent: dict[str, Message] = {}

    async def send(self, message):
        self.sent.setdefault(message.idempotency_key, message)
        await self.answer(message, message.idempotency_key)
        return f"m-{message.idempotency_key}"

    async def lookup(self, idempotency_key):
        return f"m-{idempotency_key}" if idempotency_key in self.sent else None

    async def receipt(self, message_id):
        return await self.answer(message_id, message_id)


def providers():
    """All three, friendly until told otherwise."""
    return Providers(Finder(FoundContact(source="finder")), Verifier(Verdict.VALID), Messenger())


class Persons:
    """Persons that are plain, but for those who were erased."""

    def __init__(self):
        self.erased: set[str] = set()

    def read(self, persons):
        return {job_id: None if job_id in self.erased else person for job_id, person in persons.items()}


def switchboard(asked, lines=None, **more):
    """Who is called: these providers, one line per capability unless lines are given."""
    sheet = more.pop("sheet", None) or MemoryProviderSheet()
    return Switchboard(lines or only(asked), sheet, Standings(sheet), **more)
