/** The overview of a run and why a step took its direction: facts, charts, certificates, heat maps, the timeline. */
export const runStyle = `.facts {
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
.chart h2 {
  margin: 0;
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
@media (max-width: 30rem) {
  .heatGrid {
    grid-template-columns: 6.5rem 1fr;
  }
}
`;
