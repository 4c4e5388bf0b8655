"""What every part of a policy has in common: frozen, closed to unknown keys, and exact about what is wrong with it."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, StringConstraints

Name = Annotated[str, StringConstraints(strip_whitespace=True, min_length=1, max_length=200)]
"""A short text for people."""

Code = Annotated[str, StringConstraints(pattern=r"^[a-z0-9][a-z0-9_.-]{0,63}$")]
"""A name that machines use: unit, type, clock."""


class Part(BaseModel):
    """A part of a policy as its files say it."""

    model_config = ConfigDict(frozen=True, extra="forbid", defer_build=True)
