"""The test bench: lab hosts, releases with faults, load, receivers and proof. Never shipped to a host."""
