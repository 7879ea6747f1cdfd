"""Every call that a use case makes to the outside is a moment at which it may die; this package enumerates them all."""
