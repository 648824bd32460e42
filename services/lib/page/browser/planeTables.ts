/** The tables of the Pareto plane: its points, and the hypervolume of each group. */
import { linkTo } from '#page/address.js';
import type { Plane, PlanePoint } from '#page/data.js';
import { element, fixed, numbersText, percent, significant, unknown } from '#page/format.js';
import { table, type Column } from '#page/tables.js';

/** Makes the table of the points. @param boxOf makes what a person chooses a point by */
export function pointsTable(plane: Plane, boxOf: (point: PlanePoint) => HTMLElement): HTMLElement {
  const { points, objectives, x, y } = plane;
  const columns: Column[] = [['choose'], ['run'], ['version', 'number'], ['preference'], ['method'], [x, 'number'], ['95 %', 'number'], [y, 'number'], ['95 %', 'number'], ['front']]; // prettier-ignore
  const range = ({ low, high }: PlanePoint['x']): string =>
    low === null || high === null ? unknown : `${fixed(low, 3)} to ${fixed(high, 3)}`;
  const rows = points.map((point) => [
    boxOf(point),
    element('a', { href: linkTo({ run: point.run }) }, point.run),
    String(point.version),
    numbersText(point.preference, objectives) || unknown,
    point.group,
    fixed(point.x.mean, 3),
    range(point.x),
    fixed(point.y.mean, 3),
    range(point.y),
    point.front ? 'yes' : '',
  ]);
  return table(columns, rows);
}

/** Makes the table of the hypervolumes. */
export function volumesTable({ hypervolumes, reference, x, y }: Plane): HTMLElement {
  const whole = hypervolumes[0]?.value ?? 0;
  const rows = hypervolumes.map(({ group, points, value }) => [
    group,
    String(points),
    significant(value),
    percent(whole > 0 ? value / whole : undefined),
  ]);
  const columns: Column[] = [['of'], ['versions', 'number'], ['hypervolume', 'number'], ['share of all', 'number']];
  const from = reference === null ? '' : `${x} ${significant(reference[0])}, ${y} ${significant(reference[1])}`;
  const note = `Above ${from}: the worst value of each objective here, starting policies included, less a tenth of its range.`;
  return element('div', {}, table(columns, rows), element('p', { class: 'quiet' }, note));
}
