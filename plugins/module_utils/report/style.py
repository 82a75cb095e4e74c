# Copyright (c) 2026, dbfleet contributors
# SPDX-License-Identifier: BSD-2-Clause

"""The report's style sheet: light and dark as the reader's system has it, narrow screens, paper."""

from __future__ import annotations

STYLE = """
:root {
  color-scheme: light dark;
  --page: #f5f6f8; --card: #ffffff; --text: #1b2330; --dim: #5b6675; --rule: #dfe3e9; --groove: #e8ebf0;
  --ok: #11663a; --ok-soft: #d9f0e3; --warning: #7d4f00; --warning-soft: #fcecc9; --critical: #b3261e;
  --critical-soft: #fbdedb; --good-day: #2f9e63; --warning-day: #e0a83b; --bad-day: #d6453d;
  --blue: #2f6fcb; --violet: #7a57c2; --shadow: 0 1px 2px rgb(20 30 50 / 8%), 0 2px 8px rgb(20 30 50 / 5%);
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #11151b; --card: #1a2029; --text: #e6eaf0; --dim: #9aa6b5; --rule: #2d3642; --groove: #29313c;
    --ok: #63d297; --ok-soft: #173a28; --warning: #f0bd5b; --warning-soft: #3f3013; --critical: #ff8f86;
    --critical-soft: #47201d; --good-day: #3fae72; --warning-day: #d69d33; --bad-day: #e3574e;
    --blue: #6ba3f0; --violet: #a78be8; --shadow: none;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--text);
  font: 15px/1.5 system-ui, -apple-system, "Segoe UI", "Noto Sans", "DejaVu Sans", sans-serif; }
main, header, footer { max-width: 1360px; margin: 0 auto; padding: 0 24px; }
header { padding-top: 28px; }
footer { color: var(--dim); font-size: 13px; padding-bottom: 40px; }
h1 { font-size: 26px; line-height: 1.2; margin: 0 0 4px; }
h2 { font-size: 18px; margin: 0 0 12px; break-after: avoid; }
h3 { font-size: 15px; margin: 16px 0 6px; }
p { margin: 0 0 8px; }
a { color: inherit; }
.dim { color: var(--dim); }
.small { font-size: 13px; }
section { background: var(--card); border-radius: 10px; box-shadow: var(--shadow); padding: 20px; margin: 20px 0;
  border: 1px solid var(--rule); }
nav { display: flex; gap: 4px 18px; flex-wrap: wrap; margin-top: 10px; font-size: 14px; }
nav a { color: var(--dim); text-underline-offset: 3px; }
nav a:hover { color: var(--text); }
.skip { position: absolute; left: -9999px; }
.skip:focus { left: 12px; top: 8px; background: var(--card); padding: 6px 12px; border-radius: 6px; }
:focus-visible { outline: 2px solid var(--blue); outline-offset: 2px; }
.tiles { display: grid; grid-template-columns: repeat(auto-fit, minmax(150px, 1fr)); gap: 12px; margin: 20px 0; }
.tile { background: var(--card); border: 1px solid var(--rule); border-radius: 10px; padding: 14px 16px;
  box-shadow: var(--shadow); }
.tile b { display: block; font-size: 26px; line-height: 1.2; font-variant-numeric: tabular-nums; }
.tile.critical b { color: var(--critical); }
.tile.warning b { color: var(--warning); }
.tile.ok b { color: var(--ok); }
.problems { list-style: none; margin: 0; padding: 0; display: grid; gap: 8px; }
.problems li { border-left: 4px solid; border-radius: 6px; padding: 8px 12px; overflow-wrap: anywhere; }
.problems .critical { background: var(--critical-soft); border-color: var(--bad-day); }
.problems .warning { background: var(--warning-soft); border-color: var(--warning-day); }
.problems p { margin: 0; }
.allwell { background: var(--ok-soft); border-left: 4px solid var(--good-day); padding: 8px 12px; border-radius: 6px;
  margin: 0; }
.badge { display: inline-block; border-radius: 999px; padding: 1px 10px; font-size: 12.5px; font-weight: 600;
  white-space: nowrap; }
.badge.ok { background: var(--ok-soft); color: var(--ok); }
.badge.warning { background: var(--warning-soft); color: var(--warning); }
.badge.critical { background: var(--critical-soft); color: var(--critical); }
.scroll { overflow-x: auto; margin: 0 -20px; padding: 0 20px; }
table { border-collapse: collapse; width: 100%; font-size: 14px; }
th, td { text-align: left; padding: 7px 12px 7px 0; border-bottom: 1px solid var(--rule); vertical-align: top; }
th { color: var(--dim); font-weight: 600; white-space: nowrap; }
tbody th { color: var(--text); }
tbody tr:last-child > * { border-bottom: 0; }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; white-space: nowrap; }
td.time { white-space: nowrap; font-variant-numeric: tabular-nums; }
th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; }
th button::after { content: " \\2195"; opacity: .45; }
th[aria-sort=ascending] button::after { content: " \\2191"; opacity: 1; }
th[aria-sort=descending] button::after { content: " \\2193"; opacity: 1; }
.name { overflow-wrap: anywhere; min-width: 7em; }
.tools { display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; margin-bottom: 12px; }
.tools label { display: flex; align-items: center; gap: 8px; }
.tools input { font: inherit; color: inherit; background: var(--page); border: 1px solid var(--rule);
  border-radius: 8px; padding: 6px 12px; width: min(320px, 100%); }
.tools button { font: inherit; font-size: 14px; color: inherit; background: var(--page); border: 1px solid var(--rule);
  border-radius: 999px; padding: 3px 14px; cursor: pointer; }
.tools button[aria-pressed=true] { background: var(--text); color: var(--card); border-color: var(--text); }
svg { display: block; max-width: 100%; }
svg.bar { margin-top: 5px; }
svg.chart, svg.calendar, svg.reach { height: auto; }
svg.calendar { width: 100%; max-width: 820px; }
svg.chart { width: 100%; max-width: 560px; }
.groove, .none { fill: var(--groove); }
.fill.fine, .day.good { fill: var(--good-day); }
.fill.soon, .day.partial { fill: var(--warning-day); }
.fill.late, .day.bad, .day.failed { fill: var(--bad-day); }
.day.failed { stroke: var(--text); stroke-width: 1.5; }
.fill.reach, .column.blue { fill: var(--blue); }
.column.violet { fill: var(--violet); }
.line { fill: none; stroke: var(--blue); stroke-width: 1.6; stroke-linejoin: round; }
.dot { fill: var(--blue); }
.axis { stroke: var(--rule); stroke-width: 1; }
.axis.faint { stroke-dasharray: 3 4; }
.tick { fill: var(--dim); font-size: 11px; }
.tick.end { text-anchor: end; }
.legend { display: flex; flex-wrap: wrap; gap: 4px 16px; font-size: 13px; color: var(--dim); margin: 12px 0 0; }
.legend svg { display: inline-block; vertical-align: -1px; margin-right: 5px; }
details { border-top: 1px solid var(--rule); padding: 8px 0; }
details:first-of-type { border-top: 0; }
summary { cursor: pointer; overflow-wrap: anywhere; }
summary .badge { margin-left: 8px; }
.charts { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr)); gap: 12px 28px; }
figure { margin: 0; min-width: 0; }
figcaption { font-size: 13px; color: var(--dim); margin-bottom: 4px; }
[hidden] { display: none !important; }
.script-only { display: none; }
.scripted .script-only { display: flex; }
@media (max-width: 700px) {
  main, header, footer { padding-left: 12px; padding-right: 12px; }
  section { padding: 14px; margin: 14px 0; }
  .scroll { margin: 0 -14px; padding: 0 14px; }
  .tiles { grid-template-columns: repeat(2, 1fr); }
  .stack thead { position: absolute; left: -9999px; }
  .stack tr { display: block; border-bottom: 1px solid var(--rule); padding: 8px 0; }
  .stack tbody tr:last-child { border-bottom: 0; }
  .stack td, .stack tbody th { display: grid; grid-template-columns: 7.5em 1fr; gap: 8px; border: 0; padding: 2px 0;
    text-align: left; white-space: normal; }
  .stack td::before, .stack tbody th::before { content: attr(data-label); color: var(--dim); font-weight: 400; }
  .stack td.empty { display: none; }
}
@media print {
  :root { --page: #fff; --card: #fff; --text: #000; --dim: #444; --rule: #bbb; --groove: #e4e4e4; --shadow: none;
    --ok: #0b5d33; --warning: #6d4500; --critical: #8f1610; --ok-soft: #e6f5ec; --warning-soft: #fdf3dc;
    --critical-soft: #fce8e6; }
  body { font-size: 11px; print-color-adjust: exact; -webkit-print-color-adjust: exact; }
  main, header, footer { max-width: none; padding: 0; }
  section { border: 0; padding: 0; margin: 14px 0; }
  .tiles { grid-template-columns: repeat(6, 1fr); gap: 6px; }
  .tile { padding: 6px 8px; }
  .tile b { font-size: 17px; }
  table { font-size: 9.5px; }
  .small, .badge, .legend, summary { font-size: 9px; }
  thead, .problems li:first-child { break-before: avoid; }
  th, td { padding: 3px 8px 3px 0; }
  th button::after { content: ""; }
  nav, .tools, .scripted .tools { display: none; }
  .scroll { overflow: visible; margin: 0; padding: 0; }
  tr, .problems li, figure, details { break-inside: avoid; }
  svg.trend, svg.bar { width: 70px; height: auto; }
  @page { size: A4 landscape; margin: 12mm; }
}
"""
