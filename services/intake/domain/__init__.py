"""From a message in a channel's words to a Contact; pure."""
