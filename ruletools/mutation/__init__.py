"""Wrong rules on purpose: would the unit tests notice?"""
