"""Which ticket is due when, and which partitions a monitor watches. Pure."""
