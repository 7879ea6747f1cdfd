"""The embedded AWS: one process on 127.0.0.1 that behaves like AWS where Baton relies on it."""
