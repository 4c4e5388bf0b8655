"""One adapter per channel: parses its messages into contacts, call records and non-tickets. Pure."""
