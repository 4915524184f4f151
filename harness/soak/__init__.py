"""A healthy lab under load is left alone: whatever fires in that time, or is told to anybody, is noise."""
