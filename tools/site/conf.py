# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: GPL-3.0-or-later
"""Sphinx's settings for the site; :mod:`tools.make_docs` puts this file beside the pages and runs it."""

from __future__ import annotations

from typing import Any

from docutils import nodes
from sphinx.application import Sphinx

project = "dbfleet.backup"
copyright = "2026, dbfleet contributors"  # noqa: A001 - this is what Sphinx calls it

extensions = ["myst_parser", "sphinx_antsibull_ext"]
exclude_patterns = ["_static/**"]
default_role = "any"
# Modules, options and roles that are referred to must exist.
nitpicky = True
suppress_warnings = ["myst.strikethrough"]

# Links as the source shows them on the forge: files by their path, headings by their text.
myst_heading_anchors = 4
myst_links_external_new_tab = False

html_theme = "furo"
html_title = "dbfleet.backup"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_use_index = False
# A browser does not let a page read other files, which excerpts of what was found would need.
html_show_search_summary = False
pygments_style = "friendly"
pygments_dark_style = "monokai"
highlight_language = "none"
# The colours of options and values follow the reader's system, as the theme does.
antsibull_ext_color_scheme = "none"

# Labels of Ansible's own manual, which generated pages refer to. There is no inventory of them without a network.
ANSIBLE_MANUAL = "https://docs.ansible.com/ansible/latest/"
ANSIBLE_LABELS = {
    "action_plugins": ("plugins/action.html", "action plugin"),
    "ansible_configuration_settings": ("reference_appendices/config.html", "Ansible's configuration settings"),
    "common_return_values": ("reference_appendices/common_return_values.html", "common return values"),
}


def _ansible_label(_app: Sphinx, _env: Any, node: nodes.Element, content: nodes.TextElement) -> nodes.reference | None:
    """A link into Ansible's manual, or None for what is not there; Sphinx then says that the label is unknown."""
    page = ANSIBLE_LABELS.get(node.get("reftarget", ""))
    if page is None:
        return None
    link = nodes.reference("", "", internal=False, refuri=ANSIBLE_MANUAL + page[0])
    link += nodes.literal(text=page[1]) if not node.get("refexplicit") else content
    return link


def setup(app: Sphinx) -> None:
    """Called by Sphinx."""
    app.connect("missing-reference", _ansible_label)
