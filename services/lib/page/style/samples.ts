/** Completions and their scores and tokens. */
export const samplesStyle = `.samples td {
  min-width: 14rem;
  white-space: pre-wrap;
  overflow-wrap: anywhere;
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
`;
