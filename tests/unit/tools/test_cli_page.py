"""The page of the command line has every command, and every argument and option with a meaning."""

from deploy.tools.reference import cli_page


def test_every_argument_and_option_says_what_it_is_for() -> None:
    bare = [
        f"{' '.join(path)} {parameter.name}"
        for path, command in cli_page.commands()
        for parameter in command.params
        if not parameter.help and path != ("explain",)
    ]
    assert bare == []


def test_the_page_has_commands_of_every_depth() -> None:
    page = cli_page.page()
    assert {"## duban", "## duban up", "## duban policy check"} <= set(page.splitlines())
    assert "| `--text TEXT` |" in page, "explain has a parser of its own"
