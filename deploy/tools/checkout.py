"""Where the checkout is, for tests and tools. Installed code uses services.shared.runtime.package_data instead."""

from pathlib import Path

PROJECT = Path(__file__).resolve().parents[2]
