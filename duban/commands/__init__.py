"""One module for each group of commands; `register` adds it to the application."""
