"""A hook of MkDocs: pictures and documents outside of docs/ are part of the site, and links lead to them."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from mkdocs.structure.files import File

if TYPE_CHECKING:
    from mkdocs.config.defaults import MkDocsConfig
    from mkdocs.structure.files import Files

ROOT = Path(__file__).parent.parent
MORE = ("CHANGELOG.md", "CONTRIBUTING.md", "SECURITY.md")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add what is not in docs/."""
    for picture in sorted((ROOT / "screenshots").glob("*.png")):
        files.append(File.generated(config, f"screenshots/{picture.name}", abs_src_path=str(picture)))
    for name in MORE:
        text = (ROOT / name).read_text("utf-8")
        files.append(File.generated(config, f"project/{name}", content=text.replace("](docs/", "](../")))
    return files


def on_page_markdown(markdown: str, **_: object) -> str:
    """Links of documents lead up to the top of the repository; in the site these are beside them."""
    for name in MORE:
        markdown = markdown.replace(f"](../{name}", f"](project/{name}")
    return markdown.replace("](../screenshots/", "](screenshots/")
