"""`python -m services.callback`: one process of this service."""

from services.callback.app import main

if __name__ == "__main__":
    main()
