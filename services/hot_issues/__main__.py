"""Runs one process of this service: `python -m services.hot_issues`."""

from services.hot_issues.app import main

if __name__ == "__main__":
    main()
