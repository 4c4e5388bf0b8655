"""The SQL of intake, read once; each module takes its own statements of it by their names."""

from services.shared.postgres.database import Queries

queries = Queries.of_package(__package__)
