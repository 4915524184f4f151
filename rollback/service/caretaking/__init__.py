"""What the daemon looks after by itself, beside deciding and acting: one duty a file."""
