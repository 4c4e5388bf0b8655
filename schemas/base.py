"""What every model of the contract has in common: frozen, closed to unknown keys, time always with an offset."""

from pydantic import AwareDatetime, BaseModel, ConfigDict

__all__ = ["AwareDatetime", "Model"]


class Model(BaseModel):
    """A record of the contract: immutable, and an unknown key is an error rather than a surprise."""

    model_config = ConfigDict(frozen=True, extra="forbid", use_attribute_docstrings=True)
