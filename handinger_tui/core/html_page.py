"""The frame of an HTML page that is complete in itself: it runs nothing and loads nothing."""

from __future__ import annotations

from html import escape


def html_page(title: str, style: str, main: str, *, policy: str = "") -> str:
    """Return a page. `title` is text, `style` CSS, `main` HTML; `policy`: further rules of its policy."""
    rules = f"default-src 'none'; style-src 'unsafe-inline'; {policy}"
    return f"""<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="{rules}">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta name="color-scheme" content="light dark">
<meta name="referrer" content="no-referrer">
<meta name="generator" content="handinger-tui">
<title>{escape(title)}</title>
<style>{style}</style>
</head>
<body>
<main>
{main}
</main>
</body>
</html>
"""
