"""The mutation proof: each guard that Baton relies on is taken away, and a test must notice."""
