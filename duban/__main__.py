"""`duban`: everything a person does at a terminal (DESIGN 6)."""

import sys


def main() -> None:
    """Run one command; a failure is one sentence that says what to do, and exit code 1."""
    if sys.argv[1:2] == ["explain"]:
        from duban.commands import explain  # noqa: PLC0415 - the other commands bring libraries that take their time

        sys.exit(explain.main(sys.argv[2:]))
    from duban import application  # noqa: PLC0415 - see above

    application.main()


if __name__ == "__main__":
    main()
