"""The command line: start the system, look at it, and mend what needs a person."""
