"""An alert as it is in force at a site."""
