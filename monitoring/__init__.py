"""What is watched, when it alerts and who hears of it: native files, and pure functions over them."""
