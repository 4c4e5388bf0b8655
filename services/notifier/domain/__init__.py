"""Who is told what of an event; pure."""
