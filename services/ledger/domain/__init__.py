"""The rules of a ticket's life, pure: what a command does to a ticket, and how events fold into one."""
