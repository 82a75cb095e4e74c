# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The report's script: sorting and filtering tables. Without it the page says the same."""

from __future__ import annotations

SCRIPT = """
"use strict";
document.documentElement.classList.add("scripted");
for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  for (const head of table.tHead.rows[0].cells) {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...head.childNodes);
    head.append(button);
    button.addEventListener("click", () => {
      const descending = head.getAttribute("aria-sort") === "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      head.setAttribute("aria-sort", descending ? "descending" : "ascending");
      const column = head.cellIndex;
      const key = row => {
        const cell = row.cells[column];
        const value = cell.dataset.key;
        return value === undefined ? cell.textContent.trim().toLowerCase() : Number(value);
      };
      const compare = (one, other) => {
        const a = key(one), b = key(other);
        const order = typeof a === "number" && typeof b === "number" ? a - b : String(a).localeCompare(String(b));
        return descending ? -order : order;
      };
      body.append(...Array.from(body.rows).sort(compare));
    });
  }
}
const search = document.getElementById("search");
const count = document.getElementById("shown");
let state = "";
function filter() {
  const words = search.value.toLowerCase().split(/\\s+/).filter(Boolean);
  let shown = 0;
  for (const row of document.querySelectorAll("[data-search]")) {
    const text = row.dataset.search;
    row.hidden = Boolean(state && row.dataset.state !== state) || !words.every(word => text.includes(word));
    if (!row.hidden && row.dataset.counted !== undefined) shown += 1;
  }
  count.textContent = String(shown);
}
if (search) {
  search.addEventListener("input", filter);
  for (const button of document.querySelectorAll("button[data-only]")) {
    button.addEventListener("click", () => {
      state = button.dataset.only;
      for (const other of document.querySelectorAll("button[data-only]")) {
        other.setAttribute("aria-pressed", String(other === button));
      }
      filter();
    });
  }
}
"""
