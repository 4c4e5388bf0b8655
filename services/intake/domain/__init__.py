"""From a message in a channel's own format to a Contact. Pure."""
