"""The whole system on one machine that has only Python: Apache Kafka, PostgreSQL and every service as OS processes.

`Stack` starts, finds and stops it; one supervisor process per data folder keeps everything running.
"""

from deploy.local.stack import Stack

__all__ = ["Stack"]
