"""In whose sum of the month a compensation counts (R3.6). Pure."""

from typing import Literal, NamedTuple

from schemas.command import Command
from services.domain.policy.pack import Pack


class Grantor(NamedTuple):
    """Somebody whose compensations of a month are added up, within one pack.

    Attributes:
        kind: a person, by the name of the actor; or a key.
        name: of the person or the key.

    """

    kind: Literal["person", "key"]
    name: str


def possible_grantors(command: Command) -> tuple[Grantor, ...]:
    """Return everybody in whose sum a command may count, whatever its pack says."""
    person, key = Grantor("person", command.actor.name), command.actor.key
    return (person,) if key is None else (person, Grantor("key", key))


def grantors_of(command: Command, pack: Pack) -> tuple[Grantor, ...]:
    """Return in whose sums a grant counts; each of them has to keep the limit of the month.

    A person whom the pack names counts alone: it has a level of its own, and a sum of its own under any key. Everybody
    else has the level of the key, and the name is only what the caller writes: another name must not begin a new sum.
    So all whom the pack does not name count in one sum of their key as well. Where several people of a key need a month
    each, the pack names them, or each has a key.
    """
    person, *key = possible_grantors(command)
    return (person,) if command.actor.name in pack.persons else (person, *key)
