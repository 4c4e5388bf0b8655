"""Classification and routing of contacts. Pure."""
