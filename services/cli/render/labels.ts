/** Labels next to points, placed so that they cover neither points nor each other if there is room. */

/** A point with its text. */
export interface Labelled {
  x: number;
  y: number;
  text: string;
}

/** Pixels. */
export interface Area {
  left: number;
  right: number;
  top: number;
  bottom: number;
}

const [characterWidth, lineHeight, pointRadius] = [7.2, 13, 7];

/**
 * Returns the start of each text's baseline, in the order of the points. Each label takes, of eight positions
 * around its point, the first one that covers the least of what is already there.
 */
export function placeLabels(points: readonly Labelled[], area: Area): Labelled[] {
  const taken: Area[] = points.map(({ x, y }) => ({
    left: x - pointRadius,
    right: x + pointRadius,
    top: y - pointRadius,
    bottom: y + pointRadius,
  }));
  return points.map(({ x, y, text }) => {
    const width = text.length * characterWidth;
    const boxes = places(x, y, width);
    const costs = boxes.map((box) => taken.reduce((sum, other) => sum + overlap(box, other), 0) + outside(box, area));
    const best = boxes[costs.indexOf(Math.min(...costs))] ?? { left: x, right: x, top: y, bottom: y };
    taken.push(best);
    return { x: best.left, y: best.bottom - 3, text };
  });
}

function places(x: number, y: number, width: number): Area[] {
  const gap = pointRadius + 2;
  const [right, left, middle] = [x + gap, x - gap - width, x - width / 2];
  const [above, below, level] = [y - gap - lineHeight + 4, y + gap - 4, y - lineHeight / 2];
  const corners: [number, number][] = [
    [right, above],
    [right, below],
    [left, below],
    [left, above],
    [right, level],
    [left, level],
    [middle, y - gap - lineHeight],
    [middle, y + gap],
  ];
  return corners.map(([at, top]) => ({ left: at, right: at + width, top, bottom: top + lineHeight }));
}

function overlap(a: Area, b: Area): number {
  const width = Math.min(a.right, b.right) - Math.max(a.left, b.left);
  const height = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
  return width > 0 && height > 0 ? width * height : 0;
}

/** As bad as covering a whole label, and worse the further outside. */
function outside(box: Area, area: Area): number {
  const over =
    Math.max(area.left - box.left, 0) +
    Math.max(box.right - area.right, 0) +
    Math.max(area.top - box.top, 0) +
    Math.max(box.bottom - area.bottom, 0);
  return over > 0 ? 500 + 50 * over : 0;
}
