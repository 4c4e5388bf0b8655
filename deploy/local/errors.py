"""The error of the local stack."""


class LocalError(Exception):
    """The local stack cannot be started, found or stopped; the message tells the user why and what to do."""
