"""What serves the development of this repository: its environment, its programs, its checks."""
