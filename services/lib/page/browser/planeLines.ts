/** Lines between the points of the Pareto plane. Pure functions. */
import type { PlanePoint } from '#page/data.js';

/** Stated shares may differ by rounding errors. */
const tolerance = 1e-9;

type Preference = PlanePoint['preference'];

function isSame(a: Preference, b: Preference): boolean {
  const names = Object.keys(a);
  const near = (name: string): boolean => Math.abs((a[name] ?? NaN) - (b[name] ?? NaN)) < tolerance;
  return names.length === Object.keys(b).length && names.every(near);
}

/**
 * Returns a line from each average to each run that it is made of, at the newest version evaluated with the same preference. A run without
 * such a point has none.
 */
export function ingredientLines(points: readonly PlanePoint[]): [PlanePoint, PlanePoint][] {
  return points.flatMap((average) =>
    average.ingredients.flatMap((id): [PlanePoint, PlanePoint][] => {
      const of = points.findLast(({ run, preference }) => run === id && isSame(preference, average.preference));
      return of === undefined ? [] : [[average, of]];
    }),
  );
}

/**
 * Returns a line for each version of a conditioned policy: its points in the order of λ, from all of y to all of x. Points
 * with a share of a third objective lie on no line, as their preferences have no order.
 */
export function preferenceLines(points: readonly PlanePoint[], x: string, y: string): PlanePoint[][] {
  const lines = new Map<string, PlanePoint[]>();
  for (const point of points) {
    const { run, version, preference } = point;
    if (Math.abs((preference[x] ?? NaN) + (preference[y] ?? NaN) - 1) < tolerance) {
      const key = `${run} ${version}`;
      lines.set(key, [...(lines.get(key) ?? []), point]);
    }
  }
  const share = ({ preference }: PlanePoint): number => preference[x] ?? NaN;
  return [...lines.values()].filter(({ length }) => length > 1).map((line) => line.sort((a, b) => share(a) - share(b)));
}
