"""Runs one process of this service: `python -m services.ledger`."""

from services.ledger.app import main

if __name__ == "__main__":
    main()
