"""Entry point of the command line `duban` (DESIGN 6)."""

import sys


def main() -> None:
    """Run one command; a failure prints one sentence that says what to do, and exits with code 1."""
    if sys.argv[1:2] == ["explain"]:
        from duban.commands import explain  # noqa: PLC0415 - the libraries of the other commands are slow to import

        sys.exit(explain.main(sys.argv[2:]))
    from duban import application  # noqa: PLC0415 - see above

    application.main()


if __name__ == "__main__":
    main()
