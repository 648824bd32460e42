/** Comparisons: preference pairs with labels, from rows that say which of two replies is better, or that rate several. */
import { UserError } from '@gapo/service';
import { Columns, kindOf } from './columns.js';
import { type Preference, preferenceForm } from './preferenceForm.js';

/**
 * Where each objective's label comes from: a column with the index of the better reply (0: `chosen`, 1: `rejected`), or the
 * aspect of a rating. Undefined: `chosen` is the better one.
 */
export type LabelSources = Readonly<Record<string, string | undefined>>;

/** Two replies to one prompt, with 1 for each objective on which `chosen` is better, and -1 where `rejected` is. */
export interface Comparison extends Preference {
  readonly labels: Readonly<Record<string, 1 | -1>>;
}

/** What a row yields. */
export interface Compared {
  readonly pairs: readonly Comparison[];
  /** Why replies that it has are in no pair, one text for each reply. */
  readonly leftOut: readonly string[];
}

/**
 * Takes a row's comparisons. `chosen` is the better reply on the first objective that has a label.
 *
 * A row of `completions` is UltraFeedback's: each has a `response`, and a `Rating` for each aspect of its `annotations`. Every
 * two of them that are rated differently are a pair; the prompt is `instruction`. Any other row has `chosen` and `rejected`.
 *
 * @throws UserError that names the column that is wrong, or that says why there is no pair
 */
export function comparisonForm(columns: Columns, sources: LabelSources): Compared {
  if (columns.has('completions')) return ofRatings(columns, sources);
  const preference = preferenceForm(columns);
  for (const reply of ['chosen', 'rejected'] as const) {
    if (preference[reply].trim() === '') throw new UserError(`${reply}: is blank`);
  }
  if (preference.chosen === preference.rejected) throw new UserError('rejected: is the same text as chosen');
  const labels: Record<string, 1 | -1> = {};
  for (const [objective, source] of Object.entries(sources)) {
    const better = source === undefined ? 0 : columns.take(source);
    if (better === undefined) continue;
    if (better !== 0 && better !== 1) {
      throw new UserError(`${source}: found ${kindOf(better)}, expected 0 (the first reply is better) or 1`);
    }
    labels[objective] = better === 0 ? 1 : -1;
  }
  if (Object.keys(labels).length === 0) {
    throw new UserError(`found nothing in ${Object.values(sources).join(', ')}; the columns are ${columns.names}`);
  }
  return { pairs: [oriented({ ...preference, labels })], leftOut: [] };
}

/** Returns the pair whose first label is 1. */
function oriented(pair: Comparison): Comparison {
  if (Object.values(pair.labels)[0] === 1) return pair;
  const labels = Object.fromEntries(
    Object.entries(pair.labels).map(([objective, label]) => [objective, label === 1 ? -1 : 1] as const),
  );
  return { ...pair, chosen: pair.rejected, rejected: pair.chosen, labels };
}

/** A reply with its ratings, by objective. A rating of "N/A" is none. */
interface Rated {
  readonly response: string;
  readonly ratings: Readonly<Record<string, number | undefined>>;
}

function ofRatings(columns: Columns, sources: LabelSources): Compared {
  const completions = columns.take('completions');
  if (!Array.isArray(completions)) throw new UserError(`completions: found ${kindOf(completions)}, expected a list`);
  const replies = completions.map((completion: unknown, i) => ratedOf(completion, sources, `completions[${i}]`));
  const given = replies.filter(({ response }) => response.trim() !== '');
  const pairs = given.flatMap((first, i) => given.slice(i + 1).flatMap((second) => pairOf(first, second, columns)));
  if (pairs.length === 0) throw new UserError('completions: no two are rated differently');
  const leftOut = replies.slice(given.length).map(() => 'completions: a response is blank');
  return { pairs, leftOut };
}

/** @throws UserError if the completion has no response, or an aspect no rating */
function ratedOf(completion: unknown, sources: LabelSources, label: string): Rated {
  const { response, annotations } = fieldsOf(completion, label);
  if (typeof response !== 'string')
    throw new UserError(`${label}.response: found ${kindOf(response)}, expected a text`);
  const aspects = fieldsOf(annotations, `${label}.annotations`);
  const ratings = Object.entries(sources).map(([objective, source]) => {
    if (source === undefined) {
      const named = Object.keys(aspects).join(', ');
      throw new UserError(`completions: name the aspect whose ratings label ${objective}; the aspects are ${named}`);
    }
    const place = `${label}.annotations.${source}`;
    return [objective, ratingOf(fieldsOf(aspects[source], place)['Rating'], `${place}.Rating`)] as const;
  });
  return { response, ratings: Object.fromEntries(ratings) };
}

function ratingOf(value: unknown, label: string): number | undefined {
  if (value === 'N/A' || value === undefined || value === null) return undefined;
  const rating = typeof value === 'string' && value.trim() !== '' ? Number(value) : value;
  if (typeof rating === 'number' && Number.isFinite(rating)) return rating;
  throw new UserError(`${label}: found ${kindOf(value)}, expected a number or "N/A"`);
}

function fieldsOf(value: unknown, label: string): Readonly<Record<string, unknown>> {
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>;
  throw new UserError(`${label}: found ${kindOf(value)}, expected an object`);
}

/** Returns the pair of two replies; none if they have the same text, or no rating of them differs. */
function pairOf(first: Rated, second: Rated, row: Columns): readonly Comparison[] {
  const labels: Record<string, 1 | -1> = {};
  for (const [objective, rating] of Object.entries(first.ratings)) {
    const difference = (rating ?? NaN) - (second.ratings[objective] ?? NaN);
    if (difference > 0) labels[objective] = 1;
    if (difference < 0) labels[objective] = -1;
  }
  if (Object.keys(labels).length === 0 || first.response === second.response) return [];
  const columns = new Columns({ prompt: row.text('instruction'), chosen: first.response, rejected: second.response });
  return [oriented({ ...preferenceForm(columns), labels })];
}
