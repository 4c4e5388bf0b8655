"""proof.toml: findings of a pack that do not count, each with the reason."""

import tomllib
from pathlib import Path
from typing import Annotated

from pydantic import Field, ValidationError, field_validator

from duban.proving.findings import PROPERTIES
from services.domain.policy.base import Cited, Name, PolicyError, PolicyPart

FILE = "proof.toml"


class Exemption(Cited):
    """A finding that does not count: one that no times can produce, or that is meant."""

    property: Name
    subject: Name

    @field_validator("property")
    @classmethod
    def _is_known(cls, value: str) -> str:
        if value not in PROPERTIES:
            raise ValueError(f"there is no property {value!r}: choose one of {', '.join(PROPERTIES)}")
        return value


class Exemptions(PolicyPart):
    """The content of proof.toml."""

    exempt: Annotated[tuple[Exemption, ...], Field(min_length=1)]


def load(folder: Path, pack: str) -> tuple[Exemption, ...]:
    """Return the exemptions of a pack; none where it has no proof.toml.

    Raises:
        PolicyError: the file cannot be read; names the key and the reason.

    """
    path = folder / pack / FILE
    if not path.exists():
        return ()
    try:
        return Exemptions.model_validate(tomllib.loads(path.read_text(encoding="utf-8"))).exempt
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise PolicyError(f"{path}: {error}") from error
    except ValidationError as error:
        reasons = "; ".join(f"{'.'.join(map(str, each['loc']))}: {each['msg']}" for each in error.errors())
        raise PolicyError(f"{path}: {reasons}") from error
