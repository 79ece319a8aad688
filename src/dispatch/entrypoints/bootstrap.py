"""The composition root: reads top to bottom, and is the only place that picks adapters."""

import os
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from random import SystemRandom

from psycopg_pool import ConnectionPool
from sqlalchemy import Engine

from dispatch.adapters.ledger.postgres import PostgresLedger
from dispatch.adapters.ledger.recorder import LedgerRecorder, open_datastore
from dispatch.adapters.postgres.company_numbers import PostgresCompanyNumbers
from dispatch.adapters.postgres.due import DueSheet
from dispatch.adapters.postgres.engine import open_engine
from dispatch.adapters.postgres.failures import PostgresFailures
from dispatch.adapters.postgres.gates import PostgresGates
from dispatch.adapters.postgres.gauges import PostgresGauges
from dispatch.adapters.postgres.inspection import count_view
from dispatch.adapters.postgres.intake_sheet import PostgresIntakeSheet
from dispatch.adapters.postgres.limits import PostgresLimiter, open_limits_pool
from dispatch.adapters.postgres.migrate import NotTheOwner, current_revision, migrate, newest_revision
from dispatch.adapters.postgres.natural_keys import PostgresNaturalKeys
from dispatch.adapters.postgres.notification_queries import PostgresNotificationQueries
from dispatch.adapters.postgres.processes import PostgresProcesses
from dispatch.adapters.postgres.projector import Projector
from dispatch.adapters.postgres.provider_sheet import PostgresProviderSheet
from dispatch.adapters.postgres.published import PublishedSheet
from dispatch.adapters.postgres.queries import PostgresQueries
from dispatch.adapters.postgres.rebuild import Rebuilt as Rebuilt
from dispatch.adapters.postgres.rebuild import rebuild
from dispatch.adapters.postgres.receipt_sheet import PostgresReceiptSheet
from dispatch.adapters.postgres.reconciliations import PostgresRuns
from dispatch.adapters.postgres.scale_book import PostgresScaleBook
from dispatch.adapters.postgres.source_looks import PostgresSourceLooks
from dispatch.adapters.postgres.statistics import PostgresStatistics
from dispatch.adapters.postgres.zone_book import PostgresZoneBook
from dispatch.adapters.privacy.address_runs import AddressRuns
from dispatch.adapters.privacy.keyring import Keyring
from dispatch.adapters.privacy.ledger import EncryptedLedger
from dispatch.adapters.privacy.master_keys import MasterKeys
from dispatch.adapters.privacy.rotation import Rotation
from dispatch.adapters.privacy.vault import PostgresPersonVault
from dispatch.adapters.sources.addresses import Allowed
from dispatch.adapters.sources.folders import Folders
from dispatch.adapters.sources.places import RealPlaces
from dispatch.adapters.sources.web import Web
from dispatch.adapters.storage.files import FolderFileStore
from dispatch.application.alarms import Alarms
from dispatch.application.approval_desk import ApprovalDesk, EscalateApprovals
from dispatch.application.close_batches import CloseBatches
from dispatch.application.control import ControlDesk
from dispatch.application.erase import EraseContact
from dispatch.application.escalate_jobs import EscalateJobs
from dispatch.application.explain_job import ExplainJob
from dispatch.application.fleet import FleetDesk
from dispatch.application.gatekeeper import Gatekeeper
from dispatch.application.intake.admit import AdmitBatch
from dispatch.application.intake.correct import CorrectBatch
from dispatch.application.intake.correction_file import WriteCorrectionFile
from dispatch.application.intake.dry_run import DryRun
from dispatch.application.intake.profiles import SHELF
from dispatch.application.intake.receive import ReceiveFile
from dispatch.application.intake.repair import RepairBatch
from dispatch.application.intake.retention import RemoveOldFiles
from dispatch.application.intake.take_in import TakeIn
from dispatch.application.intake.turns import TakeTurns
from dispatch.application.intake.undo import UndoImport
from dispatch.application.jobs import JobDesk
from dispatch.application.notifications.desk import NotificationDesk
from dispatch.application.notifications.opening import OpenNotifications
from dispatch.application.ports.clock import utc_now
from dispatch.application.ports.ledger import Advance
from dispatch.application.ports.privacy import PersonVault
from dispatch.application.ports.queries import Queries
from dispatch.application.ports.registers import Registers
from dispatch.application.ports.statistics import Statistics
from dispatch.application.provider_board import ShowProviders
from dispatch.application.receipts import TakeReceipts
from dispatch.application.replays import Replays
from dispatch.application.sources.desk import SourceDesk
from dispatch.application.sources.look import LookAtSource
from dispatch.application.stages.stage import Stage
from dispatch.application.take_back import TakeBack
from dispatch.application.watchdog import Watchdog
from dispatch.application.webhooks.desk import EndpointDesk
from dispatch.entrypoints.assistant import open_assistant
from dispatch.entrypoints.desk_rules import desk_rules
from dispatch.entrypoints.limit_settings import read_zones
from dispatch.entrypoints.provider_file import Declared, declared_providers
from dispatch.entrypoints.sealing import Sealing, wire_sealing
from dispatch.entrypoints.settings import Settings, outbound_rates, provider_prices
from dispatch.entrypoints.stage_settings import stages_in_force
from dispatch.entrypoints.surroundings import NotRunning
from dispatch.entrypoints.webhooks import wire_endpoints


@dataclass(frozen=True)
class App:
    """The use cases on their adapters. Every door gets this and nothing else."""

    settings: Settings
    stages: Mapping[str, Stage]
    ledger: EncryptedLedger
    persons: PersonVault
    registers: Registers
    queries: Queries
    statistics: Statistics
    failures: PostgresFailures
    replays: Replays
    receive: ReceiveFile
    dry_run: DryRun
    admit: AdmitBatch
    take_in: TakeIn
    correct: CorrectBatch
    write_correction_file: WriteCorrectionFile
    take_back: TakeBack
    desk: JobDesk
    notifications: NotificationDesk
    approval_desk: ApprovalDesk
    escalate_approvals: EscalateApprovals
    escalate_jobs: EscalateJobs
    sources: SourceDesk
    look_at_source: LookAtSource
    source_looks: PostgresSourceLooks
    endpoints: EndpointDesk
    close_batches: CloseBatches
    erase: EraseContact
    remove_old_files: RemoveOldFiles
    rotate_master_key: Rotation
    fold_addresses: Callable[[], int]
    """Bring addresses of imported persons into their index; answers how many, 0 when none is left."""
    due: DueSheet
    control: ControlDesk
    gatekeeper: Gatekeeper
    processes: PostgresProcesses
    fleet: FleetDesk
    watchdog: Watchdog
    providers: list[Declared]
    provider_sheet: PostgresProviderSheet
    limiter: PostgresLimiter
    show_providers: ShowProviders
    receipt_sheet: PostgresReceiptSheet
    take_receipts: TakeReceipts
    explain_job: ExplainJob
    intake_sheet: PostgresIntakeSheet
    published: PublishedSheet
    take_turn: TakeTurns
    reconciliations: PostgresRuns
    alarms: Alarms
    projector: Projector
    sealing: Sealing
    checks: Mapping[str, Callable[[], str]]
    """What must be well for work to be taken; each answers a word or raises."""
    _engine: Engine
    _pool: ConnectionPool

    def migrate(self) -> str:
        """Bring the database to the current schema and prepare the views; answers the revision.

        The schema is the owner's. The views are made by the application's user, as they are at every rebuild.

        Raises:
            NotRunning: the schema is not there yet, and the user who is to make it may not.
        """
        url, owner_url = self.settings.database_url, self.settings.database_owner_url
        try:
            revision = migrate(owner_url, application_url=url) if owner_url else migrate(url)
        except NotTheOwner as error:
            raise NotRunning(f"{error}: run `dispatch migrate` as its owner, DISPATCH_DATABASE_OWNER_URL") from error
        for view in self.projector.prepare():
            self.rebuild_view(view)
        self.due.prepare()
        self.source_looks.prepare()
        self.provider_sheet.prepare()
        self.receipt_sheet.prepare()
        self.limiter.prepare()
        self.intake_sheet.prepare()
        self.reconciliations.prepare()
        self.processes.prepare()
        self.published.prepare()
        self.endpoints.queue.prepare()
        return revision

    def rebuild_view(self, name: str, on_progress: Callable[[int, int], None] = lambda done, head: None) -> Rebuilt:
        """Replay the ledger into a view. Raises KeyError for an unknown one."""
        return rebuild(self.settings.database_url, self.ledger, name, on_progress)

    def count_view(self, name: str) -> dict[str, int]:
        """The rows of each table of a view. Raises KeyError for an unknown one."""
        return count_view(self.settings.database_url, name)

    def close(self) -> None:
        """Close every connection."""
        self.admit.close()
        self.ledger.close()
        self.projector.close()
        self.sealing.sealer.close()
        self.limiter.close()
        self._pool.close()
        self._engine.dispose()


def open_app(settings: Settings, on_advance: Callable[[Advance], None] | None = None) -> App:
    """Wire the application. `on_advance` is told of each append of this process.

    Raises:
        NotRunning: no database is named, and no `dispatch up` runs on the data folder.
        SettingsError: a file that a setting names cannot be read.
    """
    url = settings.database_url
    if not url:
        raise NotRunning(
            f"no system runs on {settings.data}: start one with `dispatch up`, or name your Postgres in"
            " DISPATCH_DATABASE_URL"
        )
    if settings.profiles_folder:
        SHELF.add(Path(settings.profiles_folder))
    stages = stages_in_force(settings.stages)
    pool = ConnectionPool(url, min_size=0, max_size=8, open=True, name="operational")
    keyring = Keyring(pool, MasterKeys(settings.data / "master.key", settings.master_key))
    persons = PostgresPersonVault(pool, keyring)
    ledger = EncryptedLedger(PostgresLedger(LedgerRecorder(open_datastore(url)), on_advance), persons)
    engine = open_engine(url, read_only=True, pool_size=4)
    queries, failures = PostgresQueries(engine, list(stages)), PostgresFailures(engine)
    files = FolderFileStore(settings.data / "files")
    receive = ReceiveFile(ledger, files, utc_now, settings.file_bytes_max)
    folders = Folders([Path(folder) for folder in settings.source_folders.split(os.pathsep) if folder])
    places = RealPlaces(folders, Web(Allowed(settings.source_private_hosts)))
    looks, limits = PostgresSourceLooks(pool), (settings.dead_letters_max, settings.backlog_max)
    natural_keys, desk, prices = PostgresNaturalKeys(pool), desk_rules(settings), provider_prices(settings)
    admit = AdmitBatch(ledger, files, natural_keys, utc_now, desk=desk, assistant=open_assistant(settings))
    repair = RepairBatch(ledger, files, natural_keys, utc_now)
    undo = UndoImport(ledger, natural_keys, utc_now)
    take_in = TakeIn(ledger, admit, repair, undo)
    intake_sheet, job_desk, runs = PostgresIntakeSheet(pool), JobDesk(ledger, utc_now), PostgresRuns(pool)
    open_notifications = OpenNotifications(ledger, persons, utc_now, os.urandom)
    declared, sheet = declared_providers(settings), PostgresProviderSheet(pool)
    published, gates, processes = PublishedSheet(pool), PostgresGates(pool), PostgresProcesses(pool)
    receipt_sheet = PostgresReceiptSheet(pool)
    due = DueSheet(pool, gates)
    gatekeeper, limiter = Gatekeeper(gates, due.park), PostgresLimiter(open_limits_pool(url))
    specs = [one.spec for one in declared]
    zones = read_zones(settings.zone_limits)
    watchdog = Watchdog(ledger, PostgresGauges(pool), PostgresZoneBook(pool), zones, utc_now)
    endpoints = wire_endpoints(ledger, pool, keyring, settings)

    def check_migrations() -> str:
        reached, needed = current_revision(url), newest_revision()
        if reached != needed:
            raise NotRunning(f"the database is at revision {reached or 'none'}, {needed} is needed")
        return f"revision {reached}"

    def check_postgres() -> str:
        ledger.ping()
        return "answers"

    return App(
        settings=settings,
        stages=stages,
        ledger=ledger,
        persons=persons,
        registers=Registers(PostgresCompanyNumbers(pool)),
        queries=queries,
        statistics=PostgresStatistics(engine),
        failures=failures,
        replays=Replays(ledger, failures, utc_now),
        receive=receive,
        dry_run=DryRun(ledger, natural_keys, queries, stages, prices, desk, utc_now),
        admit=admit,
        take_in=take_in,
        correct=CorrectBatch(ledger, files, utc_now, settings.file_bytes_max),
        write_correction_file=WriteCorrectionFile(ledger, files),
        take_back=TakeBack(ledger, files, utc_now),
        desk=job_desk,
        notifications=NotificationDesk(ledger, job_desk, open_notifications, PostgresNotificationQueries(engine)),
        approval_desk=ApprovalDesk(ledger, utc_now),
        escalate_approvals=EscalateApprovals(ledger, queries, utc_now),
        escalate_jobs=EscalateJobs(ledger, queries, utc_now, timedelta(minutes=settings.escalation_minutes)),
        sources=SourceDesk(ledger, places, utc_now),
        look_at_source=LookAtSource(ledger, receive, places, looks, queries.sources, utc_now),
        source_looks=looks,
        endpoints=endpoints,
        close_batches=CloseBatches(ledger, queries, utc_now),
        erase=EraseContact(ledger, persons, files, utc_now),
        remove_old_files=RemoveOldFiles(ledger, queries, files, utc_now, settings.files_kept_days),
        rotate_master_key=Rotation(pool, keyring),
        fold_addresses=AddressRuns(pool).fold,
        due=due,
        control=ControlDesk(ledger, gates, stages, lambda: [one.spec.name for one in declared], utc_now),
        gatekeeper=gatekeeper,
        processes=processes,
        fleet=FleetDesk(ledger, PostgresScaleBook(pool), processes, utc_now),
        watchdog=watchdog,
        providers=declared,
        provider_sheet=sheet,
        receipt_sheet=receipt_sheet,
        take_receipts=TakeReceipts(ledger, receipt_sheet, utc_now, SystemRandom().random),
        show_providers=ShowProviders(specs, sheet),
        limiter=limiter,
        explain_job=ExplainJob(
            ledger,
            gatekeeper.look,
            stages,
            specs,
            sheet,
            limiter,
            outbound_rates(settings),
            queries.jobs_ahead,
            utc_now,
        ),
        intake_sheet=intake_sheet,
        published=published,
        take_turn=TakeTurns(ledger, intake_sheet, take_in, settings.intake_workers),
        reconciliations=runs,
        alarms=Alarms(intake_sheet, queries, utc_now, runs, failures, endpoints.list_all, *limits, watchdog.last),
        projector=Projector(url, ledger),
        sealing=wire_sealing(settings),
        checks={"postgres": check_postgres, "migrations": check_migrations, "publisher": published.says},
        _engine=engine,
        _pool=pool,
    )
