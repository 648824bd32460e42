/** Queries for stored completions: filter, order and page them, or return one of them token by token. */
import {
  messageBytes,
  RpcError,
  SampleOrder,
  type GetSampleRequest,
  type ListSamplesRequest,
  type Sample,
} from '@gapo/rpc';
import type { SampleFiles, StepRecord } from './sampleFiles.js';

const defaultPage = 20;
const largestPage = 100;
const longestSearch = 200;

/** Maximum bytes of a page, unless its first completion has more. Below gRPC's message limit. */
const pageBytes = 1 << 20;

/** The fields of a query. */
export type SampleQuery = Pick<
  ListSamplesRequest,
  'step' | 'promptId' | 'order' | 'objective' | 'unfinished' | 'search' | 'pageSize' | 'pageToken'
>;

/** A page of completions: the fields of ListSamplesResponse. */
export interface SamplePage {
  readonly samples: Sample[];
  readonly nextPageToken: string;
  readonly total: number;
  readonly steps: number[];
  readonly step?: number;
  readonly version?: number;
  readonly sampled?: number;
  readonly kept?: number;
}

/**
 * Returns the requested completions of the run `runId`: an empty page if it keeps none and no step was requested.
 *
 * @param signal stops reading further steps
 * @throws RpcError INVALID_ARGUMENT for an invalid field, NOT_FOUND for a step or prompt without completions
 * @throws UserError for a file that is damaged
 */
export async function querySamples(
  files: Pick<SampleFiles, 'read' | 'steps'>,
  query: SampleQuery,
  runId: string,
  signal: AbortSignal,
): Promise<SamplePage> {
  const { size, start } = checked(query);
  const steps = [...(await files.steps())];
  if (query.promptId !== '') {
    const ofPrompt: Sample[] = [];
    for (const step of steps) {
      signal.throwIfAborted(); // a run can keep gigabytes
      const record = await files.read(step);
      ofPrompt.push(...(record?.samples ?? []).filter(({ promptId }) => promptId === query.promptId));
    }
    if (ofPrompt.length === 0) {
      throw new RpcError('NOT_FOUND', `run ${runId} keeps no completion of the prompt ${query.promptId}`);
    }
    checkObjective(query.objective, ofPrompt, `the prompt ${query.promptId}`);
    return { steps, ...pageOf(selected(ofPrompt, query), start, size) };
  }
  const wanted = query.step ?? steps.at(-1);
  if (wanted === undefined) return { steps, ...pageOf([], start, size) };
  const record = await recordOf(files, steps, wanted, runId);
  const { step, version, sampled, samples } = record;
  checkObjective(query.objective, samples, `step ${step}`);
  const page = pageOf(selected(samples, query), start, size);
  return { steps, step, version, sampled, kept: samples.length, ...page };
}

/**
 * Returns one completion with its tokens.
 *
 * @throws RpcError NOT_FOUND if it is not kept
 * @throws UserError for a file that is damaged
 */
export async function findSample(
  files: Pick<SampleFiles, 'read' | 'readOne' | 'steps'>,
  { step, prompt, sample }: Pick<GetSampleRequest, 'step' | 'prompt' | 'sample'>,
  runId: string,
): Promise<Sample> {
  const found = await files.readOne(step, prompt, sample);
  if (found !== undefined) return found;
  // Throws with the reason if the step is missing.
  await recordOf(files, await files.steps(), step, runId);
  throw new RpcError('NOT_FOUND', `run ${runId} keeps no completion ${sample} of the prompt ${prompt} of step ${step}`);
}

/** @throws RpcError INVALID_ARGUMENT for an objective that none of the completions has; `what` names them in the error */
function checkObjective(wanted: string, samples: readonly Sample[], what: string): void {
  if (wanted === '') return;
  const names = new Set(samples.flatMap(({ scores }) => scores.map(({ objective }) => objective)));
  if (names.has(wanted)) return;
  throw invalid('objective', wanted, `an objective of ${what}, one of ${[...names].join(', ') || 'none'}`);
}

async function recordOf(
  files: Pick<SampleFiles, 'read'>,
  steps: readonly number[],
  step: number,
  runId: string,
): Promise<StepRecord> {
  const record = await files.read(step);
  if (record !== undefined) return record;
  const which =
    steps.length === 0
      ? 'it keeps none yet, or samples is off in its configuration'
      : `it keeps those of the steps ${rangesOf(steps)}`;
  throw new RpcError('NOT_FOUND', `run ${runId} has no completions of step ${step}: ${which}`);
}

/**
 * Checks the fields.
 *
 * @throws RpcError INVALID_ARGUMENT
 */
function checked({ step, promptId, order, objective, search, pageSize, pageToken }: SampleQuery) {
  if (promptId !== '' && step !== undefined) throw invalid('step', step, 'none with prompt_id, which is of every step');
  const isWorst = order === SampleOrder.SAMPLE_ORDER_WORST;
  if (isWorst && objective === '') throw invalid('objective', '', 'the objective whose lowest scores come first');
  if (!isWorst && objective !== '') throw invalid('objective', objective, 'none without SAMPLE_ORDER_WORST');
  if (!Object.values(SampleOrder).includes(order)) throw invalid('order', order, 'a SampleOrder');
  if (search.length > longestSearch) throw invalid('search', `${search.length} characters`, `at most ${longestSearch}`);
  if (pageSize > largestPage) throw invalid('page_size', pageSize, `at most ${largestPage}`);
  if (!/^\d{0,9}$/.test(pageToken)) throw invalid('page_token', pageToken, 'next_page_token of the page before');
  return { size: pageSize === 0 ? defaultPage : pageSize, start: Number(pageToken) };
}

function invalid(field: string, found: unknown, expected: string): RpcError {
  return new RpcError('INVALID_ARGUMENT', `${field}: found ${JSON.stringify(found)}, expected ${expected}`);
}

/** Returns the matching completions in the requested order. The sort is stable. */
export function selected(
  samples: readonly Sample[],
  { order, objective, unfinished, search }: Pick<SampleQuery, 'order' | 'objective' | 'unfinished' | 'search'>,
): readonly Sample[] {
  const text = search.toLowerCase();
  const has = (of: string): boolean => of.toLowerCase().includes(text);
  const fitting = samples.filter(
    ({ finished, promptText, completion }) =>
      !(unfinished && finished) && (text === '' || has(promptText) || has(completion)),
  );
  switch (order) {
    case SampleOrder.SAMPLE_ORDER_WORST:
      return sortedBy(fitting, (sample) => scoreOf(sample, objective) ?? Infinity);
    case SampleOrder.SAMPLE_ORDER_CONFLICT:
      return sortedBy(
        fitting.filter((sample) => conflictOf(sample) > 0),
        (sample) => -conflictOf(sample),
      );
    case SampleOrder.SAMPLE_ORDER_LONGEST:
      return sortedBy(fitting, ({ tokens }) => -tokens);
    default:
      return fitting;
  }
}

function sortedBy(samples: readonly Sample[], key: (sample: Sample) => number): Sample[] {
  return [...samples].sort((a, b) => {
    const [of, other] = [key(a), key(b)];
    return of === other ? 0 : of - other;
  });
}

function scoreOf({ scores }: Sample, objective: string): number | undefined {
  return scores.find((each) => each.objective === objective)?.score;
}

/** How strongly objectives disagree about a completion; at most 0 if none disagree. */
function conflictOf({ scores }: Sample): number {
  const advantages = scores.flatMap(({ advantage }) => advantage ?? []);
  return Math.min(Math.max(...advantages), -Math.min(...advantages));
}

function pageOf(samples: readonly Sample[], start: number, size: number) {
  const page: Sample[] = [];
  let bytes = 0;
  for (const sample of samples.slice(start, start + size)) {
    bytes += messageBytes('gapo.training.v1.Sample', sample);
    if (page.length > 0 && bytes > pageBytes) break;
    page.push(sample);
  }
  const next = start + page.length;
  return { samples: page, nextPageToken: next < samples.length ? String(next) : '', total: samples.length };
}

/** Returns ascending numbers in words: `1, 33, 97 to 100`. */
function rangesOf(steps: readonly number[]): string {
  const ranges: [number, number][] = [];
  for (const step of steps) {
    const last = ranges.at(-1);
    if (last?.[1] === step - 1) last[1] = step;
    else ranges.push([step, step]);
  }
  return ranges.map(([first, last]) => (first === last ? String(first) : `${first} to ${last}`)).join(', ');
}
