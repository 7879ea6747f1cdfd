"""The `baton` command: Baton on one machine. Each group of commands has a module, with their arguments and what they do."""

from local.command.entry import EPILOG, MODULES, main, parser

__all__ = ["EPILOG", "MODULES", "main", "parser"]
