"""免考: the catalogue of conditions, the doctor's request with its proof, and its two-level decision."""
