/** What all views share: colours, text, tables, buttons and tabs. */
export const baseStyle = `:root {
  color-scheme: light dark;
  --text: light-dark(#1a1d21, #e6e8ea);
  --quiet: light-dark(#5b636b, #9aa3ab);
  --ground: light-dark(#ffffff, #14171a);
  --raised: light-dark(#f4f5f7, #1e2226);
  --line: light-dark(#d8dce0, #353b41);
  --accent: light-dark(#1f5fbf, #7db3ff);
  --bad: light-dark(#b3261e, #ff8a80);
  --good: light-dark(#1b7f4d, #5fd39a);
  font:
    15px/1.45 system-ui,
    sans-serif;
}
body {
  margin: 0;
  color: var(--text);
  background: var(--ground);
}
header {
  display: flex;
  flex-wrap: wrap;
  gap: 0.5rem 1.5rem;
  align-items: baseline;
  padding: 0.75rem 1.25rem;
  border-bottom: 1px solid var(--line);
}
h1 {
  margin: 0;
  font-size: 1.15rem;
}
h1 a {
  color: inherit;
  text-decoration: none;
}
h2 {
  margin: 1.5rem 0 0.5rem;
  font-size: 1rem;
}
a {
  color: var(--accent);
}
nav {
  display: flex;
  flex-wrap: wrap;
  gap: 0.75rem;
}
nav a[aria-current] {
  color: var(--text);
  font-weight: 600;
  text-decoration: none;
}
main {
  padding: 1rem 1.25rem 2rem;
  max-width: 78rem;
}
.quiet {
  color: var(--quiet);
}
.state {
  padding: 0.1rem 0.55rem;
  border-radius: 0.6rem;
  background: var(--raised);
  border: 1px solid var(--line);
}
.state[data-state='failed'] {
  color: var(--bad);
}
.scroll {
  overflow-x: auto;
}
table {
  border-collapse: collapse;
  font-variant-numeric: tabular-nums;
}
th,
td {
  padding: 0.3rem 0.9rem 0.3rem 0;
  text-align: left;
  vertical-align: top;
  border-bottom: 1px solid var(--line);
}
th {
  color: var(--quiet);
  font-weight: 500;
}
td.number,
th.number {
  text-align: right;
}
.problem {
  color: var(--bad);
}
code {
  overflow-wrap: anywhere;
}
.u-legend {
  color: var(--text);
  font-size: 0.85rem;
}
.tabs {
  margin: 0.75rem 0 1rem;
  border-bottom: 1px solid var(--line);
}
.tabs a {
  padding: 0.3rem 0;
}
.tabs a[aria-current] {
  box-shadow: 0 2px var(--accent);
}
.bar {
  display: flex;
  flex-wrap: wrap;
  gap: 0.5rem;
  align-items: center;
}
.bar h2 {
  margin: 1rem 0 0.5rem;
}
button,
input,
select {
  font: inherit;
  color: inherit;
  background: var(--raised);
  border: 1px solid var(--line);
  border-radius: 0.3rem;
  padding: 0.2rem 0.6rem;
  max-width: 100%;
  box-sizing: border-box;
}
input[type='number'] {
  width: 7rem;
}
button:hover:enabled {
  border-color: var(--accent);
}
button:disabled {
  color: var(--quiet);
  cursor: not-allowed;
}
.tag {
  margin: 0.15rem 0.25rem 0 0;
  padding: 0 0.4rem;
  font-size: 0.85em;
}
:focus-visible {
  outline: 2px solid var(--accent);
  outline-offset: 1px;
}
.primary:enabled {
  color: var(--ground);
  background: var(--accent);
  border-color: var(--accent);
}
.hidden {
  position: absolute;
  width: 1px;
  height: 1px;
  overflow: hidden;
  clip-path: inset(50%);
}
.check {
  white-space: nowrap;
}
h3 {
  margin: 0.5rem 0 0;
  font-size: 1rem;
}
.command {
  display: flex;
  flex-wrap: wrap;
  gap: 0.5rem;
  align-items: center;
  margin: 0.6rem 0;
}
.command code {
  padding: 0.3rem 0.6rem;
  background: var(--raised);
  border: 1px solid var(--line);
  border-radius: 0.3rem;
}
@media (max-width: 30rem) {
  header,
  main {
    padding-left: 0.75rem;
    padding-right: 0.75rem;
  }
}
.chart,
.sample {
  min-width: 0;
  padding: 0.5rem 0.75rem;
  background: var(--raised);
  border: 1px solid var(--line);
  border-radius: 0.4rem;
}
`;
