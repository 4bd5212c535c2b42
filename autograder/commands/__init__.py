"""The subcommands of ``userops``: they parse, call, and print, and are imported by nobody."""
