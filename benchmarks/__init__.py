"""What is measured, and against whom. Nothing of this is installed on a host or imported by the product."""
