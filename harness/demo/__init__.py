"""The demo: a bad release is rolled back by itself, live on the terminal, and the end is judged."""
