"""Who acts in simulations and examples: a unit with a key of its own, a service, or a customer with proof."""

from schemas.action import ActionModel
from schemas.command import Actor, Authority
from services.domain.authority.judge import CALLBACK_ROLE
from services.domain.authority.reach import ANY
from services.domain.authority.table import GRANTS
from services.domain.policy.authority import Party

KEY = "simulation"
"""Name of the key by which units act."""


def simulated_actor(
    action: ActionModel, pack: str, unit: str | None, person: str | None = None, level: str | None = None
) -> tuple[Actor, Authority | None]:
    """Return the actor of an action, and the authority of a key for its unit and all channels.

    Args:
        action: what is done.
        pack: under which the ticket runs.
        unit: that acts; None for the customer. Actions that only a service takes are always its own.
        person: who acts for the unit; by default it is named as the unit.
        level: of the key's authority to compensate, for persons whom the pack does not name.

    """
    grant = GRANTS[type(action)]
    if unit is not None and grant.who:
        return unit_actor(pack, unit, person, level)
    if grant.services and Party.CUSTOMER not in grant.who:
        return Actor(kind="service", name=grant.services[0]), None
    return Actor(kind="customer", name="customer", proof="own_channel"), None


def unit_actor(pack: str, unit: str, person: str | None, level: str | None) -> tuple[Actor, Authority]:
    """Return the actor of a unit, and the authority of its key; the arguments are those of `simulated_actor`."""
    authority = Authority(packs=(pack,), units=(unit,), channels=(ANY,), roles=(CALLBACK_ROLE,), level=level)
    return Actor(kind="unit", name=person or unit, unit=unit, key=KEY), authority
