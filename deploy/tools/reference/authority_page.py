"""docs/authority.md: where each pack differs from the table of who may do what, its persons, and who compensates."""

from collections.abc import Iterator

from deploy.tools.checkout import PROJECT
from deploy.tools.reference import markdown
from deploy.tools.reference.clocks_page import conditions
from services.domain.policy import loading
from services.domain.policy.authority import AuthorityOverride
from services.domain.policy.conditions import When
from services.domain.policy.outcome import CompensationCondition, CompensationRule
from services.domain.policy.pack import Pack

INTRODUCTION = """\
Who may take which action stands in [states.md](states.md). A pack says in `authority.toml` where its
documents differ: for some actions, on tickets for which the conditions hold, its rule replaces the
default; the first that holds counts. `duban policy check` refuses a rule that can never apply or by which
nobody may act. `[[person]]` in `units.toml` names persons with their units, roles and level: whoever acts
under that name acts for these units alone. The names here are examples to be replaced; `duban policy diff`
shows who comes, goes and changes, and each version is kept.

Compensation: the level is the person's, or for a person whom the pack does not name that of the key. It is
never the caller's word. The month is the pack's own and counts by person. Whom the pack does not name counts
by the key as well, since another name in a command must not begin a new sum. A key without `--person` is
trusted to say truly which of its units' people acts ([security.md](security.md)): before a pack is used,
replace the example persons that have a level, or bind each key to its people."""


def page() -> str:
    """Return docs/authority.md."""
    parts = [f"# Who may do what, by pack\n\n{markdown.GENERATED}\n\n{INTRODUCTION}"]
    for name, pack in loading.load(PROJECT / "policies").items():
        parts += [f"## {name}", _rules(pack), _persons(pack)]
        if pack.outcome.compensation is not None:
            parts += list(_compensation(pack.outcome.compensation))
    return "\n\n".join(parts) + "\n"


def _rules(pack: Pack) -> str:
    columns = ("action", "on tickets with", "who may instead", "source")
    return markdown.table(columns, map(_rule, pack.authority.rules)) or "Nothing differs from the defaults."


def _rule(rule: AuthorityOverride) -> tuple[str, ...]:
    tickets = conditions(rule.when) or "all"
    if rule.entries:
        tickets += f"; entries {', '.join(rule.entries)}"
    who = (*map(markdown.code, rule.who), *rule.units, *rule.persons)
    return (", ".join(rule.actions), tickets, ", ".join(who), rule.source)


def _persons(pack: Pack) -> str:
    return markdown.table(
        ("person", "units", "roles", "level", "source"),
        (
            (person.name, ", ".join(person.units), ", ".join(person.roles), person.level or "", person.source)
            for person in pack.persons.values()
        ),
    )


def _compensation(rule: CompensationRule) -> Iterator[str]:
    """Yield the tables of the levels and of the conditions."""
    covers = ", ".join(rule.covers)
    yield markdown.paragraph(f"Compensation covers {covers}; higher amounts are for {rule.beyond} ({rule.source}).")
    yield markdown.table(
        ("level", "yuan a case", "yuan a month", "covers", "source"),
        (
            (level.level, str(level.case), str(level.month), ", ".join(level.covers) or "all", level.source)
            for level in rule.levels
        ),
    )
    columns = ("condition", "levels", "holds for", "percent of the case", "law", "source")
    yield markdown.table(columns, (_condition(each) for each in rule.every_condition()))


def _condition(condition: CompensationCondition) -> tuple[str, ...]:
    named = {
        "customer level": " or ".join(condition.customer_level),
        "covers": " or ".join(condition.covers),
        "months of tenure below": condition.tenure_below,
        "yuan of mean spend from": condition.spend_from,
        "yuan of mean spend below": condition.spend_below,
    }
    parts = [f"{name} {value}" for name, value in named.items() if value not in {"", None}]
    return (
        condition.name,
        ", ".join(condition.levels) or "all",
        ", ".join((*parts, *([conditions(condition.when)] if condition.when != When() else []))),
        str(condition.percent),
        condition.law or "",
        condition.source,
    )
