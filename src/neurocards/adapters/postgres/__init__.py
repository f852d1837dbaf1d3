"""The stores on PostgreSQL (>= 15). SQL lives in `sql/*.sql`, one named statement per block."""

from neurocards.adapters.postgres.dialogues import PostgresDialogueStore
from neurocards.adapters.postgres.jobs import PostgresJobStore
from neurocards.adapters.postgres.keys import PostgresKeyStore
from neurocards.adapters.postgres.orders import PostgresOrderStore
from neurocards.adapters.postgres.outbound import PostgresOutboundBuckets
from neurocards.adapters.postgres.outbox import PostgresOutbox
from neurocards.adapters.postgres.pool import Database, open_database
from neurocards.adapters.postgres.reports import JobReports, JobTimeline, TimelineStep
from neurocards.adapters.postgres.scaling import (
    PostgresDecisionJournal,
    PostgresSignalSource,
)
from neurocards.adapters.postgres.templates import PostgresTemplateStore

__all__ = [
    "Database",
    "JobReports",
    "JobTimeline",
    "PostgresDecisionJournal",
    "PostgresDialogueStore",
    "PostgresJobStore",
    "PostgresKeyStore",
    "PostgresOrderStore",
    "PostgresOutboundBuckets",
    "PostgresOutbox",
    "PostgresSignalSource",
    "PostgresTemplateStore",
    "TimelineStep",
    "open_database",
]
