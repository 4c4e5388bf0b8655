"""A carrier's day, played on the real system: contacts at every door, departments, customers, a look at all of it."""
