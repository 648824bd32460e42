/**
 * A step's trace as text: a line per span, under its parent, with a bar from its start to its end.
 */
import type { StepSpan, StepTrace } from '../trace/stepSpans.js';
import { phases, timeTableOf } from '../trace/timeTable.js';
import { table } from './table.js';

const barWidth = 40;

/**
 * Maximum number of spans with the same name shown under one parent; others are counted in a line.
 */
const mostAlike = 4;

/** Returns the waterfall, and the time table below it. */
export function waterfallText(trace: StepTrace): string {
  const { root, spans } = trace;
  const seconds = Number(root.end - root.start) / 1e9;
  const ids = new Set(spans.map(({ spanId }) => spanId));
  const children = new Map<string, StepSpan[]>();
  for (const span of spans) {
    if (span.spanId === root.spanId) continue;
    // Its parent was not exported, so it is shown under the step.
    const parent = ids.has(span.parentSpanId) ? span.parentSpanId : root.spanId;
    children.set(parent, [...(children.get(parent) ?? []), span]);
  }
  const rows: string[][] = [];
  const add = (span: StepSpan, depth: number): void => {
    rows.push([`${'  '.repeat(depth)}${span.name}`, span.service.replace(/^gapo-/, ''), ...timesOf(span, root)]);
    const inner = (children.get(span.spanId) ?? []).sort((a, b) => Number(a.start - b.start));
    const seen = new Map<string, StepSpan[]>();
    for (const child of inner) {
      const alike = [...(seen.get(child.name) ?? []), child];
      seen.set(child.name, alike);
      if (alike.length <= mostAlike) add(child, depth + 1);
    }
    for (const [name, alike] of seen) {
      const hidden = alike.slice(mostAlike);
      if (hidden.length === 0) continue;
      const sum = hidden.reduce((total, { start, end }) => total + Number(end - start), 0) / 1e9;
      rows.push([`${'  '.repeat(depth + 1)}${name}: ${hidden.length} more`, '', '', `${sum.toFixed(3)} in all`, '']);
    }
  };
  add(root, 0);
  const times = timeTableOf(trace);
  const shares = [...phases, 'other' as const].map((part) => [
    part,
    times[part].toFixed(3),
    `${((100 * times[part]) / seconds).toFixed(1)} %`,
  ]);
  const waterfall = table(['span', 'service', 'start s', 'seconds', ''], rows, [2, 3]);
  return `${waterfall}\n\n${table(['waited for', 'seconds', 'of the step'], shares, [1, 2])}`;
}

function timesOf({ start, end }: StepSpan, root: StepSpan): string[] {
  const [from, to, whole] = [start - root.start, end - root.start, root.end - root.start].map(Number) as [number, number, number]; // prettier-ignore
  const column = (time: number): number => Math.min(barWidth, Math.max(0, Math.round((barWidth * time) / whole)));
  const left = Math.min(column(from), barWidth - 1);
  const length = Math.max(1, column(to) - left);
  const bar = `${' '.repeat(left)}${'█'.repeat(length)}`;
  return [(from / 1e9).toFixed(3), ((to - from) / 1e9).toFixed(3), bar];
}
