"""Recorded courses of cases of every published version, which must happen again just so."""
