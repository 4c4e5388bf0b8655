"""What a pack must not come in force with, beyond what stops it from loading."""

from duban import policy_checks
from services.domain.policy import loading
from services.shared.runtime import package_data
from tests.builders import PACKS

POLICIES = package_data.policies()


def test_nothing_is_wrong_with_the_packs() -> None:
    assert list(policy_checks.problems(PACKS.values(), POLICIES)) == []


def test_letters_stages_and_promises_are_looked_at() -> None:
    files = loading.read_files(POLICIES, "carrier")
    limits = (
        files["limits.toml"].replace('value = "24h"', 'value = "8h"', 1).replace('"complaint", "suggestion", ', "", 1)
    )
    notices = files[loading.SHARED_NOTICES].replace('letter = "progress"', 'letter = "progres"', 1)
    pack = loading.from_files("carrier", files | {"limits.toml": limits, loading.SHARED_NOTICES: notices})
    found = "\n".join(policy_checks.problems([pack], POLICIES))
    assert "letters/zh/progres.txt is missing" in found
    assert "carrier: limits.toml: form 1h + review 4h + handling 12h + answer 2h do not fit into promise 8h" in found
    assert "no clock with outer = true runs for kind complaint" in found
