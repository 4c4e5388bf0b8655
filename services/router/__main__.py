"""`python -m services.router`: one process of this service."""

from services.router.app import main

if __name__ == "__main__":
    main()
