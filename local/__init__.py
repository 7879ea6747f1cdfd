"""How Baton runs on one machine; never deployed."""
