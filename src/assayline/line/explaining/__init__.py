"""What changed between versions of a model, told from the ledger; and the file that is handed over with a model."""
