"""Writing a new plugin: a distribution that works, from the templates in this package."""
