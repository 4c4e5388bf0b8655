"""Runs one process of this service: `python -m services.callback`."""

from services.callback.app import main

if __name__ == "__main__":
    main()
