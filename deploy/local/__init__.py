"""Runs the whole system on one machine with only Python: Apache Kafka, PostgreSQL and every service as OS processes.

`Stack` starts, attaches to and stops a system. One supervisor process per data folder restarts processes that end.
"""

from deploy.local.stack import Stack

__all__ = ["Stack"]
