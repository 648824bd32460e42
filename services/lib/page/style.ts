/** The page's style: light and dark by the system's setting. Kept as a module, since only compiled files are shipped. */
export const style = `:root {
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
.facts {
  display: grid;
  grid-template-columns: repeat(auto-fit, minmax(9rem, 1fr));
  gap: 0.5rem 1rem;
  margin: 1rem 0;
}
.facts div {
  min-width: 0;
  display: flex;
  flex-direction: column;
}
.facts dt {
  color: var(--quiet);
  font-size: 0.85rem;
}
.facts dd {
  margin: 0;
  overflow-wrap: anywhere;
  font-variant-numeric: tabular-nums;
  font-size: 1.05rem;
}
progress {
  width: 100%;
  height: 0.75rem;
  accent-color: var(--accent);
}
.charts {
  display: grid;
  grid-template-columns: repeat(auto-fit, minmax(min(26rem, 100%), 1fr));
  gap: 1rem;
}
.chart {
  min-width: 0;
  padding: 0.5rem 0.75rem;
  background: var(--raised);
  border: 1px solid var(--line);
  border-radius: 0.4rem;
}
.chart h2 {
  margin: 0;
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
.samples td {
  min-width: 14rem;
  white-space: pre-wrap;
  overflow-wrap: anywhere;
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
.certificate {
  display: flex;
  flex-direction: column;
  gap: 0.25rem;
  margin: 1rem 0;
  padding: 0.6rem 0.9rem;
  border: 1px solid var(--line);
  border-left: 4px solid var(--good);
  border-radius: 0.3rem;
  background: var(--raised);
  overflow-wrap: anywhere;
}
.certificate[data-hurt='true'] {
  border-left-color: var(--bad);
}
.barCell {
  display: flex;
  gap: 0.5rem;
}
.signedBar {
  position: relative;
  display: inline-block;
  width: 7rem;
  height: 0.8rem;
  align-self: center;
  background: linear-gradient(var(--line), var(--line)) center / 1px 100% no-repeat;
}
.signedBar span {
  position: absolute;
  top: 0;
  bottom: 0;
}
.gram th {
  padding-right: 0.6rem;
}
.gram td {
  padding: 0.25rem 0.5rem;
  border: 1px solid var(--ground);
}
.gram th[scope='row'] {
  position: sticky;
  left: 0;
  background: var(--ground);
}
.heatGrid {
  display: grid;
  grid-template-columns: minmax(5rem, auto) 1fr;
  gap: 0.6rem;
}
.heatLabels {
  display: flex;
  flex-direction: column;
  font-size: 0.8rem;
  max-width: 16rem;
  min-width: 0;
}
.heatLabels span {
  height: 18px;
  line-height: 18px;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
}
.heatDrawing {
  min-width: 0;
}
.heatDrawing canvas {
  display: block;
  width: 100%;
  cursor: crosshair;
}
.heatDrawing input {
  width: 100%;
  padding: 0;
}
.heat output {
  display: block;
  min-height: 1.5rem;
}
.dial {
  max-width: 32rem;
}
.ends {
  display: grid;
  grid-template-columns: auto 1fr auto;
  gap: 0.6rem;
  align-items: center;
}
input[type='range'] {
  width: 100%;
  padding: 0;
  accent-color: var(--accent);
}
.shares {
  display: flex;
  flex-wrap: wrap;
  gap: 0.4rem 1.2rem;
  margin: 0.6rem 0;
}
.share {
  display: flex;
  gap: 0.5rem;
  align-items: center;
}
.share:has([type='range']) {
  display: grid;
  width: 100%;
  grid-template-columns: 8rem 1fr auto;
}
.share [type='number'] {
  width: 5rem;
}
.triangle {
  position: relative;
  width: min(18rem, 80vw);
  margin: 0.5rem 0 1rem;
  padding: 1.5rem 0;
}
.area {
  position: relative;
  aspect-ratio: 1 / 0.866;
  background: linear-gradient(var(--line), var(--raised));
  touch-action: none;
  cursor: crosshair;
}
.area::before {
  content: '';
  position: absolute;
  inset: -1px;
  background: var(--ground);
  clip-path: polygon(0 0, 50% 0, 0 100%, 100% 100%, 50% 0, 100% 0, 100% 100%, 0 100%);
}
.corner {
  position: absolute;
  font-size: 0.85rem;
}
.corner.top {
  top: 0;
  left: 50%;
  translate: -50% 0;
}
.corner.left {
  bottom: 0;
  left: 0;
}
.corner.right {
  bottom: 0;
  right: 0;
}
.mark {
  position: absolute;
  width: 1rem;
  height: 1rem;
  translate: -50% -50%;
  border-radius: 50%;
  background: var(--accent);
  border: 2px solid var(--ground);
  pointer-events: none;
}
.mark.was {
  background: transparent;
  border-color: var(--quiet);
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
blockquote {
  flex: 1 1 20rem;
  margin: 0.25rem 0;
  padding: 0.1rem 0.75rem;
  border-left: 3px solid var(--line);
  white-space: pre-wrap;
  overflow-wrap: anywhere;
}
.prompt {
  margin: 1rem 0 1.5rem;
}
.sampleGrid {
  display: grid;
  grid-template-columns: repeat(auto-fill, minmax(min(20rem, 100%), 1fr));
  gap: 0.75rem;
  margin-top: 0.5rem;
}
.sample {
  min-width: 0;
  padding: 0.5rem 0.75rem;
  background: var(--raised);
  border: 1px solid var(--line);
  border-radius: 0.4rem;
}
.sampleText {
  white-space: pre-wrap;
  overflow-wrap: anywhere;
}
.tokens {
  white-space: pre-wrap;
  overflow-wrap: anywhere;
}
.tokens [role='option'] {
  background: color-mix(in srgb, var(--accent) calc(var(--unlikely) * 0.35), transparent);
  border-radius: 0.15rem;
}
.tokens [aria-selected='true'] {
  outline: 1px solid var(--accent);
}
.tokenFacts {
  min-height: 2.8em;
  overflow-wrap: anywhere;
}
.beside {
  margin-top: 1.5rem;
}
.scores {
  display: flex;
  flex-wrap: wrap;
  gap: 0.1rem 1rem;
  margin: 0.4rem 0;
  padding: 0;
  list-style: none;
  font-variant-numeric: tabular-nums;
  overflow-wrap: anywhere;
}
.advantage[data-sign='up'] {
  color: var(--good);
}
.advantage[data-sign='down'] {
  color: var(--bad);
}
.plane {
  position: relative;
  margin: 0.5rem 0;
}
.plane .u-over {
  overflow: visible;
}
.point {
  position: absolute;
  box-sizing: border-box;
  width: 14px;
  height: 14px;
  translate: -50% -50%;
  border: 3px solid;
  border-radius: 50%;
  background: var(--ground);
}
.point:hover,
.point:focus-visible {
  scale: 1.5;
  z-index: 1;
}
.timeline {
  padding: 0;
  list-style: none;
  max-width: 44rem;
}
.timeline li {
  display: grid;
  grid-template-columns: 7rem 1fr 8rem;
  gap: 0.75rem;
  align-items: center;
}
.track {
  position: relative;
  height: 0.8rem;
  background: var(--raised);
}
.track span {
  position: absolute;
  height: 100%;
  min-width: 1px;
  background: var(--accent);
}
.swatch {
  display: inline-block;
  width: 0.7rem;
  height: 0.7rem;
  margin-right: 0.4rem;
  border-radius: 50%;
}
.stepColumns {
  display: grid;
  grid-auto-flow: column;
  grid-auto-columns: minmax(min(18rem, 85vw), 1fr);
  gap: 0.75rem;
  overflow-x: auto;
  padding-bottom: 0.5rem;
}
.stepColumns section {
  display: flex;
  flex-direction: column;
  gap: 0.5rem;
  min-width: 0;
}
h3 {
  margin: 0.5rem 0 0;
  font-size: 1rem;
}
.objectives {
  padding: 0;
  list-style: none;
}
.objectives li {
  display: grid;
  grid-template-columns: minmax(6rem, 12rem) auto;
  justify-content: start;
  gap: 1rem;
  align-items: center;
  margin: 0.3rem 0;
}
.fields {
  display: flex;
  flex-direction: column;
  gap: 0.5rem;
  margin-bottom: 0.75rem;
}
dialog {
  color: inherit;
  background: var(--ground);
  border: 1px solid var(--line);
  border-radius: 0.5rem;
  max-width: 30rem;
}
dialog::backdrop {
  background: #0008;
}
dialog h2 {
  margin-top: 0;
}
@media (max-width: 30rem) {
  header,
  main {
    padding-left: 0.75rem;
    padding-right: 0.75rem;
  }
  .heatGrid {
    grid-template-columns: 6.5rem 1fr;
  }
}
`;
