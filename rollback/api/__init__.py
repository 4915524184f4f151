"""HTTP: one plain route for alerts, a described interface for people and programs."""
