"""The proof: what happened when, who was told, and whether that is exactly what should have been."""
