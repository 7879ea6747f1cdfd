"""How fast and how frugal: `make bench`. Every ratio is between two figures of the same run."""
