"""Credits: a double-entry ledger in which a key can be booked only once per account.

Invariant: the amounts of one key sum to zero, and a user's balance is the sum of his account.
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from uuid import UUID

SYSTEM_ACCOUNT = "system"


class LedgerKind(StrEnum):
    CHARGE = "charge"
    REFUND = "refund"
    WELCOME = "welcome"
    GRANT = "grant"
    PURCHASE = "purchase"


@dataclass(frozen=True, slots=True)
class LedgerEntry:
    """One side of a booking; `amount` in credits, positive = the account gains."""

    account: str
    job_id: UUID | None
    kind: LedgerKind
    amount: int
    key: str


def user_account(tg_user_id: int) -> str:
    return f"user:{tg_user_id}"


def charge_key(job_id: UUID) -> str:
    return f"charge:{job_id}"


def refund_key(job_id: UUID) -> str:
    return f"refund:{job_id}"


def welcome_key(bot_id: int, tg_user_id: int) -> str:
    return f"welcome:{bot_id}:{tg_user_id}"


def booking(
    tg_user_id: int, *, kind: LedgerKind, amount: int, key: str, job_id: UUID | None = None
) -> tuple[LedgerEntry, LedgerEntry]:
    """Give both sides of a booking; `amount` is what the user gains (negative: pays), never 0."""
    if amount == 0:
        raise ValueError("a booking of nothing is no booking")
    return (
        LedgerEntry(user_account(tg_user_id), job_id, kind, amount, key),
        LedgerEntry(SYSTEM_ACCOUNT, job_id, kind, -amount, key),
    )
