"""When a burst of similar complaints is a hot issue, and when that is calm or closed. Pure."""
