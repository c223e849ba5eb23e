"""The kit for tests of the core and of plugins: a database, a clock to set, a sample province."""
