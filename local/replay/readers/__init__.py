"""Reads files of clinical data record by record; no file is ever held whole."""
