"""`python -m services.ledger`: one process of this service."""

from services.ledger.app import main

if __name__ == "__main__":
    main()
