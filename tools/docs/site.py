"""A hook of MkDocs: pages that lie beside docs/, links as the checkout has them, and the language of each page."""

from __future__ import annotations

import os
import re
from pathlib import Path, PurePosixPath

from mkdocs.config.defaults import MkDocsConfig
from mkdocs.structure.files import File, Files
from mkdocs.structure.pages import Page

ROOT = Path(__file__).resolve().parents[2]
BESIDE = {"README.md": "index.md", "README.es.md": "es/index.md", "CONTRIBUTING.md": "contributing.md"}
"""Where the pages of the root are on the site."""
LINK = re.compile(r"(?P<text>!?\[(?:[^\[\]]|\[[^\]]*\])*\])\((?P<path>[^)#\s:]+)(?P<anchor>#[^)\s]*)?\)")


def on_files(files: Files, config: MkDocsConfig) -> Files:
    """Add the pages of the root."""
    for source, uri in BESIDE.items():
        files.append(File.generated(config, uri, abs_src_path=str(ROOT / source)))
    return files


def on_page_markdown(markdown: str, page: Page, **_: object) -> str:
    """Links lead to where their page is on the site; a link to a file that is not on it is its text."""
    uri = page.file.src_uri
    source = next((root for root, there in BESIDE.items() if there == uri), f"docs/{uri}")
    folder = PurePosixPath(source).parent

    def moved(link: re.Match[str]) -> str:
        target = os.path.normpath(folder / link["path"])
        there = BESIDE.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else None)
        if there is None:
            return link["text"][1:-1]
        return f"{link['text']}({os.path.relpath(there, PurePosixPath(uri).parent)}{link['anchor'] or ''})"

    return LINK.sub(moved, markdown)


def on_post_page(output: str, page: Page, **_: object) -> str:
    """Pages below es/ say that they are Spanish."""
    return output.replace('<html lang="en"', '<html lang="es"', 1) if page.file.src_uri.startswith("es/") else output
