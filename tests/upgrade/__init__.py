"""The upgrade, on a database that another commit has made by its own code: `make test-upgrade` (docs/versions.md)."""
