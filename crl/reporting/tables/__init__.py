"""Tables as data, and what writes them: Markdown, LaTeX, CSV, HTML and the terminal."""
