"""`python -m services.sla_monitor`: one process of this service."""

from services.sla_monitor.app import main

if __name__ == "__main__":
    main()
