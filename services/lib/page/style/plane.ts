/** The Pareto plane. */
export const planeStyle = `.plane {
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
.swatch {
  display: inline-block;
  width: 0.7rem;
  height: 0.7rem;
  margin-right: 0.4rem;
  border-radius: 50%;
}
.plane .u-select {
  background: color-mix(in srgb, var(--accent) 20%, transparent);
}
.point[data-chosen='true'] {
  outline: 2px solid var(--text);
  outline-offset: 2px;
}
.showAll {
  position: absolute;
  top: 0.4rem;
  right: 0.4rem;
  z-index: 2;
}
.pairMatrix h2 {
  margin-top: 0.5rem;
}
.pairs th {
  max-width: 8rem;
  overflow: hidden;
  text-overflow: ellipsis;
  white-space: nowrap;
  border: 0;
  font-size: 0.8rem;
}
.pairs th[scope='row'] {
  position: sticky;
  left: 0;
  max-width: 7rem;
  padding: 0 0.4rem 0 0;
  text-align: right;
  vertical-align: middle;
  background: var(--ground);
}
.pairs th[scope='col'] {
  max-width: none;
  max-height: 7rem;
  padding: 0.4rem 0 0;
  writing-mode: vertical-rl;
  writing-mode: sideways-lr;
  text-align: right;
}
.pairs td {
  padding: 0;
  border: 0;
}
.pairs button {
  display: block;
  width: var(--cell);
  height: var(--cell);
  padding: 0;
  border-radius: 0;
  cursor: pointer;
  user-select: none;
}
.pairs button[aria-pressed='true'] {
  border-color: var(--accent);
  box-shadow: inset 0 0 0 1px var(--accent);
}
.pairs button[data-over] {
  background: color-mix(in srgb, var(--accent) 30%, var(--raised));
}
.pairs svg {
  display: block;
  width: 100%;
  height: 100%;
  pointer-events: none;
}
.pairs path {
  fill: none;
  stroke: var(--text);
  stroke-width: 3px;
  stroke-linecap: round;
  vector-effect: non-scaling-stroke;
}
@media (min-width: 64rem) {
  .planeArea:has(.pairs) {
    display: grid;
    grid-template-columns: minmax(0, 1fr) minmax(0, max-content);
    gap: 1.5rem;
  }
}
`;
