"""How Baton is shown to keep its promises."""
