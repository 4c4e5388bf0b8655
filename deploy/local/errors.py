"""What can go wrong on a machine, each as one sentence that says what to do."""


class LocalError(Exception):
    """The local stack cannot do what was asked; the message is for the person who asked."""
