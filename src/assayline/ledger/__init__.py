"""Remembering: the hash-chained ledger in SQLite or PostgreSQL, and the store of the bytes it speaks of."""

from .backup import back_up, restore
from .leases import Lease, Watch, held, tried
from .opening import create_ledger, open_ledger
from .sql_ledger import SqlLedger, Writing
from .store import FolderStore, Staged, Store, intact, open_store
from .verifying import Damage, verify

__all__ = [
    "Damage", "FolderStore", "Lease", "SqlLedger", "Staged", "Store", "Watch", "Writing", "back_up", "create_ledger", "held", "intact", "open_ledger",
    "open_store", "restore", "tried", "verify",
]  # fmt: skip
