"""The recorder passes the conformance suites that the `eventsourcing` library ships for recorders."""

import pytest
from eventsourcing.tests.persistence import ApplicationRecorderTestCase, NonInterleavingNotificationIDsBaseCase

from dispatch.adapters.ledger.recorder import LedgerRecorder, open_datastore
from dispatch.adapters.postgres.migrate import migrate


class OnOurRecorder:
    """A recorder with a table of its own: the suites expect an empty one and write what is no event of ours."""

    @pytest.fixture(autouse=True)
    def recorder(self, database_url):
        migrate(database_url)
        datastore = open_datastore(database_url, connections_max=15)
        self._recorder = LedgerRecorder(datastore, events_table_name="conformance")
        self._recorder.create_table()
        yield
        datastore.close()

    def create_recorder(self):
        return self._recorder


@pytest.mark.postgres
@pytest.mark.acceptance("2.22", part="the ledger: concurrent appends neither interleave nor repeat")
class TestApplicationRecorder(OnOurRecorder, ApplicationRecorderTestCase):
    def test_insert_subscribe(self):
        self.optional_test_insert_subscribe()


@pytest.mark.postgres
class TestNotificationIds(OnOurRecorder, NonInterleavingNotificationIDsBaseCase):
    pass


del ApplicationRecorderTestCase, NonInterleavingNotificationIDsBaseCase  # Abstract: not to be collected here.
