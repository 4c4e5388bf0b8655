"""The policy packs that come with Duban, with their calendars and letters: data, read with importlib.resources."""
