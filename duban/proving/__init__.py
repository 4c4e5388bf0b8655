"""Proves a policy pack: searches every state that its tickets can reach, and names what must never happen."""
