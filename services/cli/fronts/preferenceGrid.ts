/** Preference vectors, evenly spaced in the interior of the simplex. */

/**
 * Returns the vectors (h_k + ½) / (H + K/2) for all non-negative integers h that sum to H: a simplex lattice (Das and Dennis
 * 1998), moved away from the boundary by half a step so that no weight is 0. H is the largest with at most `count` vectors.
 * For two objectives there are exactly `count`, such as 0.1, 0.3, 0.5, 0.7, 0.9 for 5.
 *
 * @param objectives K, at least 2
 * @param count at least 1
 * @returns vectors that sum to 1; the first one prefers the last objective most
 */
export function preferenceGrid(objectives: number, count: number): number[][] {
  if (objectives === 1) return [[1]];
  let sum = 0;
  while (latticeSize(objectives, sum + 1) <= count) sum += 1;
  const scale = sum + objectives / 2;
  return lattice(objectives, sum).map((point) => point.map((h) => rounded((h + 0.5) / scale)));
}

/** Binomial(sum + objectives - 1, objectives - 1). */
function latticeSize(objectives: number, sum: number): number {
  let size = 1;
  for (let i = 1; i < objectives; i++) size = (size * (sum + i)) / i;
  return Math.round(size);
}

function lattice(parts: number, sum: number): number[][] {
  if (parts === 1) return [[sum]];
  return Array.from({ length: sum + 1 }, (_, first) =>
    lattice(parts - 1, sum - first).map((rest) => [first, ...rest]),
  ).flat();
}

/** Removes floating-point noise: 0.3, not 0.30000000000000004. */
function rounded(value: number): number {
  return Number(value.toPrecision(12));
}
