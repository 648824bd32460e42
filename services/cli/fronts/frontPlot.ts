/** Plots a front as SVG: one panel per pair of objectives, without style sheets. */
import { axisOf, type Axis } from '../render/axis.js';
import { placeLabels } from '../render/labels.js';
import { element, svgDocument, textElement } from '../render/svg.js';
import type { FrontAnalysis } from './analysis.js';
import type { Front } from './front.js';

const [panelWidth, panelHeight] = [680, 500];
const margin = { left: 76, right: 24, top: 20, bottom: 62 };
const titleHeight = 54;
const legendRow = 22;
const ink = '#1a1a1a';
const pale = '#dddddd';
/** Dark enough for text on white. */
const colours = ['#0b5394', '#a33a1e', '#2b6e3f', '#6a3d9a', '#7a5b00', '#9c1f5f', '#1f6f78', '#8b0000', '#555555'];

interface Mark {
  x: number;
  y: number;
  low: (number | null)[];
  high: (number | null)[];
  colour: string;
  shape: number;
  filled: boolean;
  label: string;
  /** Whether the policy was trained for a preference. */
  preferring: boolean;
}

/** Returns the plot. Deterministic: equal fronts give equal text. */
export function frontPlot(front: Front, analysis: FrontAnalysis): string {
  const { objectives } = front;
  const pairs = objectives.flatMap((a, i) => objectives.slice(i + 1).map((b) => [a, b] as const));
  const columns = Math.min(pairs.length, 2);
  const groups = [...new Set(front.policies.map(({ group }) => group))];
  const legend = legendOf(front, groups);
  const legendHeight = Math.ceil(legend.length / 3) * legendRow;
  const top = titleHeight + legendHeight + 10;
  const width = columns * panelWidth;
  const height = top + Math.ceil(pairs.length / columns) * panelHeight;
  const what = `mean rewards on ${front.prompts} held-out prompts, with 95 % intervals`;
  const parts = [
    textElement(margin.left, 24, front.name, { size: 16, weight: 'bold' }),
    textElement(margin.left, 44, what, { size: 13 }),
    ...legend.map((entry, i) =>
      legendEntry(entry, margin.left + (i % 3) * 210, titleHeight + 12 + Math.floor(i / 3) * legendRow),
    ),
    ...pairs.map(([a, b], i) => {
      const at = `translate(${(i % columns) * panelWidth} ${top + Math.floor(i / columns) * panelHeight})`;
      return element('g', { transform: at }, panel(front, analysis, groups, a, b));
    }),
  ];
  return svgDocument(width, height, `${front.name}: ${what}`, parts);
}

interface LegendEntry {
  name: string;
  colour: string;
  shape: number;
  filled: boolean;
}

const startShape = -1;

function legendOf(front: Front, groups: readonly string[]): LegendEntry[] {
  const entries = groups.map((name, i) => ({ name, colour: colourOf(i), shape: i, filled: true }));
  const start = front.start === null ? [] : [{ name: 'starting policy', colour: ink, shape: startShape, filled: true }];
  return [...entries, ...start, { name: 'hollow: dominated', colour: ink, shape: 0, filled: false }];
}

function legendEntry({ name, colour, shape, filled }: LegendEntry, x: number, y: number): string {
  return marker(x + 6, y - 4, shape, colour, filled) + textElement(x + 18, y, name, { size: 13 });
}

const colourOf = (group: number): string => colours[group % colours.length] ?? ink;

function panel(front: Front, analysis: FrontAnalysis, groups: readonly string[], a: string, b: string): string[] {
  const marks = marksOf(front, analysis, groups, [a, b]);
  const ends = (k: 0 | 1): number[] =>
    marks
      .flatMap((mark) => [k === 0 ? mark.x : mark.y, mark.low[k], mark.high[k]])
      .filter((v): v is number => v !== null && v !== undefined);
  const x = axisOf(ends(0), margin.left, panelWidth - margin.right);
  const y = axisOf(ends(1), panelHeight - margin.bottom, margin.top);
  const placed = marks.map((mark) => ({ ...mark, px: x.at(mark.x), py: y.at(mark.y) }));
  const area = {
    left: margin.left,
    right: panelWidth - margin.right,
    top: margin.top,
    bottom: panelHeight - margin.bottom,
  };
  const labels = placeLabels(
    placed.map(({ px, py, label }) => ({ x: px, y: py, text: label })),
    area,
  );
  return [
    ...grid(x, y),
    textElement((area.left + area.right) / 2, panelHeight - 16, `${a} (mean reward)`, { anchor: 'middle', size: 14 }),
    element('g', { transform: `translate(20 ${(area.top + area.bottom) / 2}) rotate(-90)` }, [
      textElement(0, 0, `${b} (mean reward)`, { anchor: 'middle', size: 14 }),
    ]),
    ...groups.map((_, i) =>
      groupLine(
        placed.filter(({ shape, preferring }) => shape === i && preferring),
        colourOf(i),
      ),
    ),
    ...placed.flatMap((mark) => intervals(mark, x, y)),
    ...placed.map(({ px, py, shape, colour, filled }) => marker(px, py, shape, colour, filled)),
    ...labels.map((label, i) =>
      textElement(label.x, label.y, label.text, { size: 12, fill: placed[i]?.colour ?? ink }),
    ),
  ];
}

function marksOf(
  front: Front,
  analysis: FrontAnalysis,
  groups: readonly string[],
  pair: readonly [string, string],
): Mark[] {
  const mark = (
    rewards: Front['policies'][number]['rewards'],
    look: Pick<Mark, 'colour' | 'shape' | 'filled' | 'label' | 'preferring'>,
  ): Mark => {
    const [a, b] = pair.map((name) => rewards[name]);
    return {
      x: a?.mean ?? NaN,
      y: b?.mean ?? NaN,
      low: [a?.low ?? null, b?.low ?? null],
      high: [a?.high ?? null, b?.high ?? null],
      ...look,
    };
  };
  const policies = front.policies.map(({ rewards, group, label, preference }, i) => {
    const shape = groups.indexOf(group);
    return mark(rewards, {
      colour: colourOf(shape),
      shape,
      filled: analysis.nonDominated.has(i),
      label,
      preferring: preference !== null,
    });
  });
  if (front.start === null) return policies;
  return [
    ...policies,
    mark(front.start, { colour: ink, shape: startShape, filled: true, label: 'start', preferring: false }),
  ];
}

function grid(x: Axis, y: Axis): string[] {
  const line = (x1: number, y1: number, x2: number, y2: number, stroke: string): string =>
    element('line', { x1, y1, x2, y2, stroke, 'stroke-width': 1 });
  return [
    ...x.ticks.map((tick) => line(x.at(tick.value), y.from, x.at(tick.value), y.to, pale)),
    ...y.ticks.map((tick) => line(x.from, y.at(tick.value), x.to, y.at(tick.value), pale)),
    line(x.from, y.from, x.to, y.from, ink),
    line(x.from, y.from, x.from, y.to, ink),
    ...x.ticks.map((tick) => textElement(x.at(tick.value), y.from + 18, tick.text, { anchor: 'middle', size: 12 })),
    ...y.ticks.map((tick) => textElement(x.from - 8, y.at(tick.value) + 4, tick.text, { anchor: 'end', size: 12 })),
  ];
}

/** Draws a line through the policies of a group, in the order of their preferences. */
function groupLine(marks: readonly { px: number; py: number }[], colour: string): string {
  if (marks.length < 2) return '';
  const points = marks.map(({ px, py }) => `${round(px)},${round(py)}`).join(' ');
  return element('polyline', { points, fill: 'none', stroke: colour, 'stroke-width': 1.5, 'stroke-dasharray': '5 4' });
}

function intervals({ x, y, low, high, colour }: Mark, toX: Axis, toY: Axis): string[] {
  const bar = (x1: number, y1: number, x2: number, y2: number): string =>
    element('line', { x1, y1, x2, y2, stroke: colour, 'stroke-width': 1.2, 'stroke-opacity': 0.55 });
  const bars: string[] = [];
  const [lowX, lowY] = low;
  const [highX, highY] = high;
  if (typeof lowX === 'number' && typeof highX === 'number')
    bars.push(bar(toX.at(lowX), toY.at(y), toX.at(highX), toY.at(y)));
  if (typeof lowY === 'number' && typeof highY === 'number')
    bars.push(bar(toX.at(x), toY.at(lowY), toX.at(x), toY.at(highY)));
  return bars;
}

/** Draws a circle, square, triangle or diamond; a cross for the starting policy. */
function marker(x: number, y: number, shape: number, colour: string, filled: boolean): string {
  const look = { fill: filled ? colour : '#ffffff', stroke: colour, 'stroke-width': 1.8 };
  const polygon = (corners: readonly (readonly [number, number])[]): string =>
    element('polygon', { points: corners.map(([dx, dy]) => `${round(x + dx)},${round(y + dy)}`).join(' '), ...look });
  if (shape === startShape) {
    const d = `M${round(x - 6)} ${round(y)}H${round(x + 6)}M${round(x)} ${round(y - 6)}V${round(y + 6)}`;
    return element('path', { d, stroke: colour, 'stroke-width': 2.4, fill: 'none' });
  }
  switch (shape % 4) {
    case 0:
      return element('circle', { cx: x, cy: y, r: 5, ...look });
    case 1:
      return polygon([
        [-5, -5],
        [5, -5],
        [5, 5],
        [-5, 5],
      ]);
    case 2:
      return polygon([
        [0, -6],
        [6, 5],
        [-6, 5],
      ]);
    default:
      return polygon([
        [0, -7],
        [7, 0],
        [0, 7],
        [-7, 0],
      ]);
  }
}

const round = (value: number): number => Math.round(value * 100) / 100;
