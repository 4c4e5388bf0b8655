"""What is shown of a person's data to whom (promise 7)."""
