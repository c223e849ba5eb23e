"""Makes the generated parts of the documentation: see docs/build.py."""
