"""The option that names the folder of the policy packs, for every command that reads them."""

from pathlib import Path
from typing import Annotated

import typer

from services.shared.runtime import package_data

DEFAULT_POLICIES = package_data.folder("policies")
HELP = "the folder of the packs"
ENVIRONMENT = "DUBAN_POLICIES"
SHOWN_DEFAULT = "those that come with Duban"

PolicyFolder = Annotated[Path, typer.Option(envvar=ENVIRONMENT, help=HELP, show_default=SHOWN_DEFAULT)]
PolicyFolderArgument = Annotated[Path, typer.Argument(envvar=ENVIRONMENT, help=HELP, show_default=SHOWN_DEFAULT)]
