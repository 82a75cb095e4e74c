# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Build the documentation's site: the guides of ``docs/`` and a page for every module and role, by Sphinx.

The Markdown files are the only source. Their links are those of the repository; each is led to the page that the site
has for its file, and a link to nowhere fails the build, as does any other of Sphinx's warnings. The site needs no
network and no server: a browser opens its files, and searching works there too.

Usage: ``python -m tools.make_docs [--output FOLDER]``
"""

from __future__ import annotations

import argparse
import html.parser
import os
import posixpath
import re
import shutil
import subprocess
import sys
import tempfile
import urllib.parse
from pathlib import Path, PurePosixPath

from tools.collection_tree import CHECKOUT, NAME, NAMESPACE, exported_collection, tool_environment

SITE = Path(__file__).with_name("site")
# Where pages of the site come from, beside those of docs/, which keep their places.
PAGES = {"README.md": "index.md", "CONTRIBUTING.md": "contributing.md"}
GENERATED = {
    re.compile(r"roles/(\w+)/README\.md"): r"collections/\1_role.rst",
    re.compile(r"plugins/modules/(\w+)\.py"): r"collections/\1_module.rst",
}
LINK = re.compile(r"(\[[^\]\n]*(?:\n[^\]\n]*)?\])\((?![a-z]+:|#)([^)#\s]+)(#[^)\s]*)?\)")
# Elements that a browser loads without being asked.
LOADED = {"link": "href", "script": "src", "img": "src", "iframe": "src", "source": "src", "video": "src"}


def page_of(file: str) -> str:
    """The site's page (or file) for ``file``, both relative to their roots; ends the program where there is none."""
    if file in PAGES:
        return PAGES[file]
    if file.startswith("docs/"):
        return file.removeprefix("docs/")
    for pattern, page in GENERATED.items():
        if pattern.fullmatch(file):
            return pattern.sub(page, file)
    sys.exit(f"error: the site has no page for {file}")


def with_site_links(text: str, file: str) -> str:
    """The Markdown ``text`` of ``file`` with its links as the site needs them."""
    here = posixpath.dirname(page_of(file))

    def link(found: re.Match[str]) -> str:
        target = posixpath.normpath(posixpath.join(posixpath.dirname(file), found[2]))
        return f"{found[1]}({posixpath.relpath(page_of(target), here or '.')}{found[3] or ''})"

    return LINK.sub(link, text)


def write_sources(root: Path, source: Path) -> None:
    """Put everything that Sphinx reads below ``source``: the guides, the settings and the generated pages."""
    shutil.copytree(SITE / "_static", source / "_static")
    shutil.copyfile(SITE / "conf.py", source / "conf.py")
    guides = sorted(path.relative_to(root).as_posix() for path in root.joinpath("docs").rglob("*") if path.is_file())
    for file in (*PAGES, *guides):
        target = source / page_of(file)
        target.parent.mkdir(parents=True, exist_ok=True)
        if target.suffix != ".md":
            shutil.copyfile(root / file, target)
            continue
        text = with_site_links(root.joinpath(file).read_text(encoding="utf-8"), file)
        if file == "README.md":
            text += SITE.joinpath("contents.md").read_text(encoding="utf-8").partition("-->\n")[2]
        target.write_text(text, encoding="utf-8")
    collections = source / "collections"
    collections.mkdir(mode=0o755)
    words = ["antsibull-docs", "collection", "--use-current", "--squash-hierarchy", "--fail-on-error"]
    run([*words, "--dest-dir", str(collections), f"{NAMESPACE}.{NAME}"], root)
    shorten(collections / "index.rst")


def shorten(index: Path) -> None:
    """Give the generated index, and in it the pages, names that fit into the contents beside each page."""
    text = index.read_text(encoding="utf-8")
    heading = f"{NAMESPACE}.{NAME}".title()
    text, headings = re.subn(f"^{heading}\n=+$", "Modules and roles\n=================", text, flags=re.MULTILINE)
    text, entries = re.subn(r"^    (\w+)_(module|role)$", r"    \1 (\2) <\1_\2>", text, flags=re.MULTILINE)
    if headings != 1 or not entries:
        sys.exit(f"error: {index.name} of antsibull-docs is not as it was")
    index.write_text(text, encoding="utf-8")


def run(words: list[str], root: Path) -> None:
    """Run a tool that sees the collection at ``root`` and no other; end the program if it fails."""
    done = subprocess.run(words, env=tool_environment(root), cwd=root, check=False)
    if done.returncode:
        sys.exit(f"error: {words[0]} ended with code {done.returncode}")


class _Page(html.parser.HTMLParser):
    """What a page loads, where it links to, and which places in it can be linked to."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.loaded: list[str] = []
        self.links: list[str] = []
        self.places: set[str] = set()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        values = {name: value or "" for name, value in attrs}
        self.places |= {values[name] for name in ("id", "name") if values.get(name)}
        if tag == "a" and values.get("href"):
            self.links.append(values["href"])
        if values.get(LOADED.get(tag, "")):
            self.loaded.append(values[LOADED[tag]])


def problems_of(site: Path) -> list[str]:
    """Links of the pages below ``site`` that lead nowhere, and what they would load from elsewhere."""
    pages = {path: _Page(path.read_text(encoding="utf-8")) for path in site.rglob("*.html")}
    problems = []
    for path, page in pages.items():
        name = path.relative_to(site)
        for address in (*page.loaded, *page.links):
            parts = urllib.parse.urlsplit(address)
            if parts.scheme or parts.netloc:
                if address in page.loaded and parts.scheme != "data":
                    problems.append(f"{name} loads {address}")
                continue
            target = path.parent.joinpath(urllib.parse.unquote(parts.path)).resolve() if parts.path else path
            if not target.is_file():
                problems.append(f"{name} has a link to {address}, which is not there")
                continue
            place = urllib.parse.unquote(parts.fragment)
            if place and address in page.links and target in pages and place not in pages[target].places:
                problems.append(f"{name} has a link to {address}, but {target.name} has no such place")
    return sorted(set(problems))


def build(output: Path) -> None:
    """Build the site into ``output``, which is replaced once the site is whole."""
    with exported_collection() as root, tempfile.TemporaryDirectory(prefix="dbfleet-docs-") as folder:
        source, site = Path(folder, "source"), Path(folder, "site")
        source.mkdir()
        write_sources(root, source)
        jobs = str(os.cpu_count() or 1)
        options = ["--builder", "html", "--fail-on-warning", "--keep-going", "--nitpicky", "--quiet", "--jobs", jobs]
        run(["sphinx-build", *options, "--doctree-dir", str(Path(folder, "doctrees")), str(source), str(site)], root)
        # Sphinx's own files: what it needs to build anew.
        for leftover in (".buildinfo", "objects.inv"):
            site.joinpath(leftover).unlink(missing_ok=True)
        problems = problems_of(site)
        if problems:
            sys.exit("error: " + "\n".join(problems))
        shutil.rmtree(output, ignore_errors=True)
        output.parent.mkdir(parents=True, exist_ok=True)
        shutil.copytree(site, output)
        pages = sum(1 for path in output.rglob("*.html"))
    shown = output.relative_to(CHECKOUT) if output.is_relative_to(CHECKOUT) else output
    print(f"{pages} pages in {PurePosixPath(shown)}, open {PurePosixPath(shown)}/index.html")


def main(arguments: list[str]) -> None:
    """Read the arguments and build."""
    parser = argparse.ArgumentParser(prog="python -m tools.make_docs", description=__doc__.splitlines()[0])
    parser.add_argument("--output", type=Path, default=CHECKOUT / "build" / "docs", help="the site's folder")
    build(parser.parse_args(arguments).output.resolve())


if __name__ == "__main__":
    main(sys.argv[1:])
