"""What tests share: a world in memory, and short ways to say what happens in it."""
