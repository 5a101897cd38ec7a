"""One user's table in: formats, encodings, separators, columns, dates, numbers, returns."""
