"""One adapter for each channel: from a message in the channel's words to what it holds; pure."""
