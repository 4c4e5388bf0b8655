"""The one list of faults, by family."""

from tests.faults.delivery import clocks, database_locks, members, network, processes, providers, records, stores
from tests.faults.delivery.fault import Fault

FAMILIES = (processes, stores, network, database_locks, records, members, clocks, providers)
FAULTS: dict[str, Fault] = {fault.name: fault for family in FAMILIES for fault in family.FAULTS}
