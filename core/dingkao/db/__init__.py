"""The database: engines for SQLite and PostgreSQL, tables, statements built once, migrations."""
