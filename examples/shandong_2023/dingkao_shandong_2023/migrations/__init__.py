"""The SQL of the tables, a file for each database."""
