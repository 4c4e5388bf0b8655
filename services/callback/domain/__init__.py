"""When and how a customer is asked after an answer, and what a bad result leads to. Pure."""
