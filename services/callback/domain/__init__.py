"""When a customer is asked, and what a bad answer leads to; pure."""
