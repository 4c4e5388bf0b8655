"""When an issue is hot, calm or over. Pure."""
