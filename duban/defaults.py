"""What commands assume where no option says otherwise; imports nothing, since `duban explain` has to start fast."""

from typing import Final

DEFAULT_PACK: Final = "carrier"
"""The policy pack."""
DEFAULT_ZONE: Final = "Asia/Shanghai"
"""The time zone of times that are read and shown, where no pack says it."""
