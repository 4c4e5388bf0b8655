"""Pages of docs/reference, written from the code by `make docs`: settings, metrics, events, commands, command line."""
