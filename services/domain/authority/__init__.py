"""Who may do what: one table, judged in one place, by the ledger and early by the doors (DECISIONS 34)."""
