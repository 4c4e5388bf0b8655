"""What a pack says about persons, authority and compensation is checked before it counts (R5.1, R7.5)."""

import pytest

from deploy.tools.checkout import PROJECT
from services.domain.policy import loading
from services.domain.policy.base import PolicyError
from services.domain.policy.forms import FORM_VERSION
from tests.builders import PACKS

PERSON = '[[person]]\nname = "X"\nunits = ["provincial_centre"]\nours = "a test"\n'
RULE = '[[rule]]\naction = ["escalate"]\nwho = ["centre"]\nours = "a test"\n'
CONDITION = '[[compensation.condition]]\nname = "x"\npercent = 0\nours = "a test"\n'


def problem(file: str, *, old: str = "", new: str, pack: str = "carrier") -> str:
    """Return why a pack is refused, with another text in one of its files; without `old`, at its end."""
    files = loading.read_files(PROJECT / "policies", pack)
    text = files.get(file, "")
    assert old in text
    files[file] = text.replace(old, new, 1) if old else f"{text}\n{new}"
    try:
        loading.from_files(pack, files)
    except PolicyError as error:
        return str(error)
    return ""


@pytest.mark.requirement("R7.5")
@pytest.mark.parametrize(
    ("new", "message"),
    [
        (PERSON, ""),
        (PERSON.replace("provincial_centre", "provincial_center"), "person X, units: there is no 'provincial_center'"),
        (PERSON + 'level = "boss"', "person X, level: there is no 'boss'"),
        (PERSON + 'roles = ["calback"]', "person X, roles: there is no 'calback': did you mean 'callback'"),
        (PERSON * 2, "two persons are called X"),
        (PERSON.replace('ours = "a test"', ""), "exactly one of `from`"),
    ],
)
def test_a_person_has_units_roles_and_a_level_that_there_are(new: str, message: str) -> None:
    found = problem("units.toml", new=new)
    assert message in found
    assert bool(message) == bool(found)


@pytest.mark.requirement("R5.1")
@pytest.mark.parametrize(
    ("new", "message"),
    [
        (RULE.replace("escalate", "note"), ""),
        (RULE.replace("escalate", "esclate"), "rule esclate, action: there is no 'esclate': did you mean 'escalate'"),
        (RULE.replace("escalate", "tick"), "rule tick, action: there is no 'tick'"),
        (RULE.replace('who = ["centre"]', 'units = ["x"]'), "rule escalate, units: there is no 'x'"),
        (RULE.replace('who = ["centre"]', 'persons = ["x"]'), "rule escalate, persons: there is no 'x'"),
        (RULE.replace('who = ["centre"]', ""), "it names nobody who may"),
        (RULE.replace("escalate", "note").replace("centre", "boss"), "who"),
        (RULE + 'when = { kind = ["apeal"] }', "there is no 'apeal'"),
        (RULE, "'escalate, rule 2' can never apply, because 'escalate, rule 1'"),
        (
            RULE.replace("escalate", "note") + "when = { roaming = true }",
            "roaming is not known there, so it can never hold",
        ),
        (RULE.replace("escalate", "note").replace("centre", "writer"), "only record is written by a writer"),
        (RULE.replace("escalate", "note") + 'entries = ["report"]', "only record has entries"),
        (RULE.replace("escalate", "record") + 'entries = ["reprot"]', "there is no 'reprot'"),
        (RULE.replace("escalate", "note").replace("centre", "dispatcher"), "nobody may note while billing holds"),
        (RULE.replace("escalate", "note").replace("centre", "assisting"), "nobody may note while no unit assists"),
        (RULE.replace("escalate", "note").replace("centre", "above"), "nobody may note while hq_service holds"),
    ],
)
def test_a_rule_that_never_applies_or_lets_nobody_act_is_refused(new: str, message: str) -> None:
    found = problem("authority.toml", new=new)
    assert message in found
    assert bool(message) == bool(found)


def test_two_rules_for_different_entries_do_not_hide_each_other() -> None:
    first, second = (RULE.replace("escalate", "record") + f'entries = ["{kind}"]\n' for kind in ("report", "audit"))
    assert problem("authority.toml", new=first + second) == ""
    assert "can never apply" in problem("authority.toml", new=first + first)
    assert "can never apply" in problem("authority.toml", new=RULE.replace("escalate", "record") + first)


@pytest.mark.parametrize(
    ("party", "message"),
    [("accepting", "no unit is of the kind channel"), ("granting", "outcome.toml has no compensation")],
)
def test_a_party_that_can_be_nobody_under_the_pack_is_refused(party: str, message: str) -> None:
    rule = RULE.replace("escalate", "note").replace('"centre"', f'"centre", "{party}"')
    assert message in problem("authority.toml", new=rule, pack="bus")


@pytest.mark.requirement("R5.1")
def test_a_centre_that_nobody_above_can_answer_for_is_refused() -> None:
    files = loading.read_files(PROJECT / "policies", "bus")
    files["units.toml"] = files["units.toml"].replace("answers_customer = true\n", "")
    with pytest.raises(PolicyError, match="neither acceptance nor a unit above answers customers"):
        loading.from_files("bus", files)


@pytest.mark.requirement("R3.6")
@pytest.mark.parametrize(
    ("new", "message"),
    [
        (CONDITION, ""),
        (CONDITION + 'levels = ["boss"]', "condition x, levels: there is no 'boss'"),
        (CONDITION + 'covers = ["x"]', "condition x, covers: there is no 'x'"),
        (CONDITION + "when = { has_evidence = true }", "has_evidence is not known there, so it can never hold"),
        (CONDITION + 'when = { tier = ["x"] }', "compensation, condition x, when.tier: there is no 'x'"),
        (CONDITION.replace("percent = 0", "percent = 100"), "x changes nothing"),
        (CONDITION.replace("percent = 0", "percent = -1"), "percent"),
    ],
)
def test_a_condition_of_compensation_names_what_there_is_and_can_hold(new: str, message: str) -> None:
    found = problem("outcome.toml", old="[repeat]\n", new=f"{new}\n[repeat]\n")
    assert message in found
    assert bool(message) == bool(found)


@pytest.mark.requirement("R7.5")
@pytest.mark.parametrize("name", PACKS)
def test_every_pack_names_who_calls_back_for_each_of_its_centres_and_who_approves(name: str) -> None:
    pack = PACKS[name]
    callers = {unit for person in pack.persons.values() if "callback" in person.roles for unit in person.units}
    assert pack.centres <= callers
    assert any("approver" in person.roles for person in pack.persons.values())


@pytest.mark.requirement("R3.6")
def test_compensation_that_covers_nothing_is_refused() -> None:
    covers = 'covers = ["service_use", "charging_error", "ending_contract"]\n'
    assert "compensation covers nothing" in problem("outcome.toml", old=covers, new="covers = []\n")


def test_a_version_in_force_stays_readable_whatever_is_checked_today() -> None:
    files = loading.read_files(PROJECT / "policies", "carrier")
    rule = RULE.replace("escalate", "note").replace("centre", "assisting")
    files |= {"authority.toml": rule, "units.toml": files["units.toml"] + PERSON * 2}
    assert len(loading.from_version("carrier", files, FORM_VERSION).authority.rules) == 1
    with pytest.raises(PolicyError, match=r"two persons are called X.*nobody may note while no unit assists"):
        loading.from_files("carrier", files)
