"""When which ticket has to be looked at; pure."""
