"""The command line: one thin file a verb; `app` puts them together."""
