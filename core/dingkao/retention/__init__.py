"""How long each kind of record is kept, and what happens at the end."""
