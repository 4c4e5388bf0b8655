"""Command line of Duban: runs the system, inspects and imports data, and does what needs a person."""
