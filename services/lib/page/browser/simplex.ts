/** Preferences as points of a simplex: shares that sum to 1. Pure functions. */

/** The corners of the triangle of three objectives, in a square of side 1, y downwards: left, right, top. */
const corners = [
  [0, 1],
  [1, 1],
  [0.5, 0],
] as const;

/** Divides numbers by their sum; equal shares where all are 0. */
export function normalised(numbers: readonly number[]): number[] {
  const sum = numbers.reduce((total, number) => total + number, 0);
  return numbers.map((number) => (sum > 0 ? number / sum : 1 / numbers.length));
}

/** Returns the shares of objectives in a preference; 0 where it has none. */
export function sharesIn(preference: Readonly<Record<string, number | null>>, objectives: readonly string[]): number[] {
  return normalised(objectives.map((name) => preference[name] ?? 0));
}

/**
 * Sets one share. The others keep their proportions, and take what is left.
 *
 * @param share clamped to 0 .. 1
 */
export function withShare(shares: readonly number[], index: number, share: number): number[] {
  if (shares.length === 1) return [1];
  const set = Math.min(1, Math.max(0, share));
  const others = shares.reduce((sum, each, i) => (i === index ? sum : sum + each), 0);
  return shares.map((each, i) => {
    if (i === index) return set;
    return others > 0 ? (each / others) * (1 - set) : (1 - set) / (shares.length - 1);
  });
}

/** Rounds shares to four digits, which are enough for a person's wish. The largest one takes what is left, so that they still sum to 1. */
export function roundedShares(shares: readonly number[]): number[] {
  const rounded = shares.map((share) => Number(share.toFixed(4)));
  const left = 1 - rounded.reduce((sum, share) => sum + share, 0);
  const largest = rounded.indexOf(Math.max(...rounded));
  return rounded.map((share, i) => (i === largest ? Number((share + left).toFixed(4)) : share));
}

/** Returns where three shares are in the triangle, as [x, y] in a square of side 1. */
export function pointOf(shares: readonly number[]): [number, number] {
  const along = (axis: 0 | 1): number => corners.reduce((sum, corner, i) => sum + (shares[i] ?? 0) * corner[axis], 0);
  return [along(0), along(1)];
}

/** Returns the shares at a point of the square: those of the nearest point with the same direction where it is outside the triangle. */
export function sharesAt(x: number, y: number): number[] {
  const top = 1 - y;
  const right = x - top / 2;
  return normalised([1 - top - right, right, top].map((share) => Math.max(0, share)));
}

/** A policy of which a preference and its rewards on held-out prompts are known. */
export interface Known {
  readonly shares: readonly number[];
  readonly rewards: readonly number[];
}

/**
 * Estimates the rewards of a preference from those of evaluated policies, by their inverse squared distances on the simplex (Shepard
 * 1968, "A two-dimensional interpolation function for irregularly-spaced data"): at a known preference its own rewards, the mean of
 * those with the same preference; between them a mean that leans to the nearest.
 *
 * @returns undefined without two different known preferences
 */
export function landing(shares: readonly number[], known: readonly Known[]): number[] | undefined {
  const distance = (a: readonly number[], b: readonly number[]): number =>
    a.reduce((sum, each, i) => sum + (each - (b[i] ?? 0)) ** 2, 0);
  const [first] = known;
  if (first === undefined || known.every((each) => distance(each.shares, first.shares) < 1e-12)) return undefined;
  const exact = known.filter((each) => distance(each.shares, shares) < 1e-12);
  const used = exact.length > 0 ? exact : known;
  const weights = used.map((each) => (exact.length > 0 ? 1 : 1 / distance(each.shares, shares)));
  const sum = weights.reduce((total, weight) => total + weight, 0);
  return first.rewards.map((_, k) =>
    used.reduce((total, each, i) => total + ((weights[i] ?? 0) / sum) * (each.rewards[k] ?? NaN), 0),
  );
}
