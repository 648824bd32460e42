/** The study's plots, drawn by `gapo pareto`. */
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { callAlone } from './gapo.js';
import { groupNames, objectives } from './methods.js';
import type { Result } from './results.js';
import type { Row, Summary } from './summary.js';

/** A mean with its interval, as in front.json. */
interface Plotted {
  mean: number;
  low: number | null;
  high: number | null;
}

const plots = [
  { file: 'fronts', title: 'Fronts of the methods with a preference', only: true },
  { file: 'methods', title: 'All methods', only: false },
];

/**
 * Draws all plots of a condition.
 *
 * @param results of the condition
 * @param folders.data where to write the fronts as JSON
 * @param folders.out where to write the images: OUT/images/study
 * @returns the images, relative to OUT
 */
export async function drawPlots(
  summary: Summary,
  results: readonly Result[],
  { data, out }: { data: string; out: string },
): Promise<{ title: string; path: string }[]> {
  const directory = join(out, 'images/study');
  mkdirSync(directory, { recursive: true });
  const drawn: { title: string; path: string }[] = [];
  for (const { file, title, only } of plots) {
    const rows = summary.rows.filter(
      ({ share, group }) =>
        !only || share !== undefined || group === groupNames.helpfulOnly || group === groupNames.harmlessOnly,
    );
    const name = `${summary.condition.key}-${file}`;
    const json = join(data, `${name}.json`);
    writeFileSync(json, `${JSON.stringify(frontJson(title, summary, rows, results), null, 2)}\n`);
    const path = `images/study/${name}.svg`;
    const reference = objectives.map((name, k) => `${name}=${summary.reference[k] ?? NaN}`).join(',');
    await callAlone(['pareto', json, '--svg', join(out, path), '--reference', reference]);
    drawn.push({ title, path });
  }
  return drawn;
}

/** Returns the policies in the format of front.json. */
function frontJson(title: string, summary: Summary, rows: readonly Row[], results: readonly Result[]): object {
  const rewards = (row: Row, when: 'before' | 'after'): Record<string, Plotted> =>
    Object.fromEntries(objectives.map((name, k) => [name, plotted(row, k, name, when, results)]));
  return {
    name: title,
    created: new Date().toISOString(),
    objectives,
    prompts: summary.prompts,
    start: rewards(summary.start, 'before'),
    policies: rows.map((row) => ({
      run: row.key,
      group: row.group,
      label: row.share === undefined ? row.group : String(row.share),
      preference: row.share === undefined ? null : { helpful: row.share, harmless: 1 - row.share },
      ingredients: null,
      rewards: rewards(row, 'after'),
    })),
  };
}

/** Returns the interval over seeds; for a single seed, the one over its prompts. */
function plotted(row: Row, k: number, name: string, when: 'before' | 'after', results: readonly Result[]): Plotted {
  const { mean, low, high } = row.rewards[k] ?? { mean: NaN, low: NaN, high: NaN };
  if (Number.isFinite(low)) return { mean, low, high };
  const single = when === 'before' ? results[0] : results.find(({ key }) => key === row.key);
  const interval = single?.objectives.find((each) => each.name === name)?.[when];
  return { mean, low: interval?.low ?? null, high: interval?.high ?? null };
}
