"""`python -m services.hot_issues`: one process of this service."""

from services.hot_issues.app import main

if __name__ == "__main__":
    main()
