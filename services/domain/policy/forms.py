"""The form of policy texts: which keys the files have, and what they mean. Texts in the database carry its number."""

FORM_VERSION = 1
"""The form that this version of Duban writes."""
