/** What combiners keep from step to step. */

/** Named vectors, with one number for each objective or for each pair of them. Part of a checkpoint. */
export type Memory = Readonly<Record<string, readonly number[]>>;

/**
 * Running means after a batch: decay · before + (1 - decay) · mean, starting from the first batch's means.
 *
 * @param before absent or empty before the first batch
 * @param decay share that is kept, in [0, 1)
 */
export function runningMeans(
  before: readonly number[] = [],
  means: readonly number[],
  decay: number,
): readonly number[] {
  return means.map((mean, k) => {
    const kept = before[k];
    return kept === undefined ? mean : decay * kept + (1 - decay) * mean;
  });
}
