/** The preference dial, objectives and dialogs. */
export const steerStyle = `.dial {
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
`;
