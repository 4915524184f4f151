"""How each alert is made to fire on the bench: a catalogue of kinds and means. It injects nothing."""
