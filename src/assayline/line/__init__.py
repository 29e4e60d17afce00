"""The line: lots through the gate into the ledger, review of what was put aside, and what others may read."""
