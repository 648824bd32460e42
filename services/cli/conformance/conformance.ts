/** Whether a reward service keeps the contract of docs/rewards.md: asked over its real address, judged by its answers alone. */
import { checkHealth, retry, RpcError, type Client, type DescribeResponse, type Item, type Result } from '@gapo/rpc';
import { itemsOf, odd, ordinary, type Exchange } from './probes.js';

/** One thing that was looked at. */
export interface Finding {
  readonly what: string;
  /** `fails`: the contract is broken; `note`: it is kept, and something is worth knowing. */
  readonly verdict: 'ok' | 'note' | 'fails';
  /** What was found. */
  readonly found: string;
  /** What to do; empty where nothing. */
  readonly mend: string;
}

/** A service that is checked. */
export interface Checked {
  readonly client: Client<'gapo.reward.v1.RewardService'>;
  readonly address: string;
  /** The longest that one call may take. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  /** Told what is being looked at. */
  readonly work: (what: string) => void;
}

const ok = (what: string, found: string): Finding => ({ what, verdict: 'ok', found, mend: '' });
const note = (what: string, found: string, mend = ''): Finding => ({ what, verdict: 'note', found, mend });
const fails = (what: string, found: string, mend: string): Finding => ({ what, verdict: 'fails', found, mend });

/** A service that was started a moment ago is waited for some seconds. */
const justStarted = { attempts: 5, baseDelayMs: 250, maxDelayMs: 2000 };

/** Batches that Describe's limit does not settle are as large as this. */
const unlimitedBatch = 64;

/**
 * Checks everything. What the service does wrong is a finding, never an error.
 *
 * @returns the findings, and the description where there is one
 */
export async function conformance(
  checked: Checked,
): Promise<{ findings: Finding[]; description: DescribeResponse | undefined }> {
  const { client, deadlineMs, signal } = checked;
  checked.work('Describe');
  let description: DescribeResponse;
  try {
    description = await retry(() => client.Describe({}, { deadlineMs, signal }), { ...justStarted, signal });
  } catch (error) {
    signal.throwIfAborted();
    const mend = 'start the service, or correct the address; it must implement gapo.reward.v1.RewardService';
    return { findings: [fails('Describe', wordsOf(error), mend)], description: undefined };
  }
  const findings = [await healthFinding(checked), ...descriptionFindings(description)];
  const size = Math.min(description.maxBatch || unlimitedBatch, unlimitedBatch);
  for (const look of [scores, repeats, order, company, oddTexts, limits]) {
    signal.throwIfAborted();
    findings.push(...(await look(checked, description, size)));
  }
  return { findings, description };
}

async function healthFinding({ address, deadlineMs }: Checked): Promise<Finding> {
  try {
    const status = await checkHealth(address, deadlineMs);
    if (status === 'SERVING') return ok('health', 'SERVING');
    return fails('health', status, 'answer SERVING to grpc.health.v1.Health/Check while the service can score');
  } catch (error) {
    const mend = 'serve grpc.health.v1.Health: Kubernetes and the command line look there';
    return note('health', wordsOf(error), mend);
  }
}

function descriptionFindings(description: DescribeResponse): Finding[] {
  const { objective, version, maxBatch, minimum, maximum, threshold, orientation } = description;
  const findings = [
    objective === ''
      ? fails('objective', 'no name', 'name the objective in Describe')
      : ok('objective', `${objective}, ${description.model || 'by an unnamed model'}`),
    version === ''
      ? note('version', 'none: its scores are never remembered', 'give one that changes whenever scores may')
      : ok('version', version),
    maxBatch === 0
      ? note('max_batch', `none: batches of ${unlimitedBatch} are sent`, 'say how many items a call may have')
      : ok('max_batch', String(maxBatch)),
  ];
  if (orientation === 'ORIENTATION_UNSPECIFIED')
    findings.push(note('orientation', 'not said: more is taken to be better', 'say which it is'));
  const ends = [minimum, threshold, maximum].filter((value) => value !== undefined);
  const broken =
    ends.some((value) => !Number.isFinite(value)) || ends.some((value, i) => value < (ends[i - 1] ?? value));
  if (broken) {
    const found = `minimum ${minimum ?? 'none'}, threshold ${threshold ?? 'none'}, maximum ${maximum ?? 'none'}`;
    findings.push(fails('range', found, 'finite numbers, minimum ≤ threshold ≤ maximum'));
  }
  return findings;
}

async function scores(checked: Checked, { minimum, maximum }: DescribeResponse, size: number): Promise<Finding[]> {
  const items = itemsOf(ordinary);
  const { results, problem } = await ask(checked, 'ordinary exchanges', items, size);
  if (results === undefined) return [fails('scores', problem, 'answer every item, in order, with its id')];
  const failed = results.filter(({ outcome }) => outcome === 'error');
  const values = results.flatMap(({ score, outcome }) => (outcome === 'score' && score !== undefined ? [score] : []));
  const bad = values.filter((value) => !Number.isFinite(value));
  if (bad.length > 0)
    return [fails('scores', `${bad.length} of ${items.length} are ${bad[0]}`, 'give such an item an error')];
  if (failed.length > 0) {
    const found = `${failed.length} of ${items.length} ordinary exchanges have none: ${failed[0]!.error?.message ?? ''}`;
    return [fails('scores', found, 'mend what the error says: a policy ordinarily says such things')];
  }
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const range = `${low.toPrecision(4)} to ${high.toPrecision(4)} over ${values.length} exchanges`;
  const findings = [
    low === high
      ? note('scores', `all are ${low}`, 'a reward that does not tell completions apart teaches nothing')
      : ok('scores', range),
  ];
  if (low < (minimum ?? -Infinity) || high > (maximum ?? Infinity)) {
    findings.push(
      fails('range', `scores from ${low} to ${high}`, `keep within minimum and maximum, or do not state them`),
    );
  }
  return findings;
}

async function repeats(checked: Checked, _: DescribeResponse, size: number): Promise<Finding[]> {
  const items = itemsOf(ordinary.slice(0, size));
  const [first, second] = [
    await ask(checked, 'repetition', items, size),
    await ask(checked, 'repetition', items, size),
  ];
  return [
    compared('the same batch again', first, second, 'fix seeds, or give a mean: a run repeats only if rewards do'),
  ];
}

async function order(checked: Checked, _: DescribeResponse, size: number): Promise<Finding[]> {
  const items = itemsOf(ordinary.slice(0, size));
  const forth = await ask(checked, 'order', items, size);
  const back = await ask(checked, 'order', items.toReversed(), size);
  const turned = back.results && { ...back, results: back.results.toReversed() };
  return [
    compared('the batch in reverse', forth, turned ?? back, 'give results in the order of the items, by their ids'),
  ];
}

async function company(checked: Checked, _: DescribeResponse, size: number): Promise<Finding[]> {
  const items = itemsOf(ordinary.slice(0, Math.min(size, 16)));
  const together = await ask(checked, 'batches', items, size);
  const alone = await ask(checked, 'batches', items, 1);
  return [compared('each item alone', together, alone, 'padding and batch must not change a score: mask them')];
}

async function oddTexts(checked: Checked): Promise<Finding[]> {
  const findings: Finding[] = [];
  const refused = new Map<string, string[]>();
  for (const { what, ...exchange } of odd) {
    const mend = 'give the item a score or an error of its own, and keep answering';
    const { results, problem } = await ask(checked, what, itemsOf([exchange]), 1);
    const [result] = results ?? [];
    if (result === undefined) findings.push(fails(what, problem, mend));
    else if (result.outcome === 'error') {
      const reason = result.error?.message ?? '';
      refused.set(reason, [...(refused.get(reason) ?? []), what]);
    } else if (!Number.isFinite(result.score)) findings.push(fails(what, `the score is ${result.score}`, mend));
  }
  if (refused.size > 0) {
    const reasons = [...refused].map(([reason, texts]) => `${texts.join(', ')} (${reason})`);
    const mend = 'completions like these pause a run whose onFailure is pause: score them if they can be scored';
    findings.push(note('odd texts', `no score for ${reasons.join('; ')}`, mend));
  }
  const bad = [...refused.values()].flat().length + findings.filter(({ verdict }) => verdict === 'fails').length;
  return [ok('odd texts', `${odd.length - bad} of ${odd.length} have scores`), ...findings];
}

async function limits(checked: Checked, { maxBatch }: DescribeResponse): Promise<Finding[]> {
  const { client, deadlineMs, signal } = checked;
  const call = async (items: readonly Item[]): Promise<RpcError | readonly Result[]> => {
    try {
      return (await client.Score({ items: [...items] }, { deadlineMs, signal })).results;
    } catch (error) {
      signal.throwIfAborted();
      return RpcError.from(error);
    }
  };
  checked.work('limits');
  const findings: Finding[] = [];
  const none = await call([]);
  if (none instanceof RpcError) findings.push(note('an empty batch', `${none.code}`, 'answer it with no results'));
  if (maxBatch > 0 && maxBatch <= 4096) {
    const many = Array.from({ length: maxBatch + 1 }, (_, i): Exchange => ordinary[i % ordinary.length]!);
    const answer = await call(itemsOf(many));
    const refuses = answer instanceof RpcError && answer.code === 'INVALID_ARGUMENT';
    const found = answer instanceof RpcError ? `${answer.code}: ${answer.details}` : `${answer.length} results`;
    findings.push(
      refuses
        ? ok('one item too many', 'INVALID_ARGUMENT')
        : note('one item too many', found, 'refuse it as INVALID_ARGUMENT'),
    );
  }
  const after = await call(itemsOf(ordinary.slice(0, 1)));
  if (after instanceof RpcError)
    findings.push(
      fails('afterwards', `${after.code}: ${after.details}`, 'no request may stop the service from answering'),
    );
  return findings;
}

interface Answer {
  /** One for each item, in order; undefined where the service did not give that. */
  readonly results?: readonly Result[];
  /** What it did instead. */
  readonly problem: string;
}

/** Asks for scores in batches of at most `size`. */
async function ask(
  { client, deadlineMs, signal, work }: Checked,
  what: string,
  items: readonly Item[],
  size: number,
): Promise<Answer> {
  work(what);
  const results: Result[] = [];
  for (let start = 0; start < items.length; start += size) {
    const batch = items.slice(start, start + size);
    try {
      const response = await client.Score({ items: batch }, { deadlineMs, signal });
      if (response.results.length !== batch.length) {
        return { problem: `${response.results.length} results for ${batch.length} items` };
      }
      const odd = response.results.findIndex(({ id }, i) => id !== batch[i]!.id);
      if (odd >= 0)
        return { problem: `result ${odd} is for "${response.results[odd]!.id}", expected "${batch[odd]!.id}"` };
      results.push(...response.results);
    } catch (error) {
      signal.throwIfAborted();
      return { problem: wordsOf(error) };
    }
  }
  return { results, problem: '' };
}

/** Differences up to this are those of float32 sums in another order. */
const rounding = 1e-5;

function compared(what: string, first: Answer, second: Answer, mend: string): Finding {
  const problem = first.problem || second.problem;
  if (first.results === undefined || second.results === undefined) return fails(what, problem, mend);
  const gaps = first.results.map(({ score = NaN }, i) => Math.abs(score - (second.results?.[i]?.score ?? NaN)));
  const known = gaps.filter((gap) => !Number.isNaN(gap));
  if (known.length === 0) return note(what, 'no scores to compare');
  const largest = Math.max(0, ...known);
  if (largest === 0) return ok(what, `${known.length} scores are the same, bit for bit`);
  const found = `scores differ by up to ${largest.toPrecision(3)}`;
  if (largest <= rounding) return note(what, found, 'a run is repeated bit for bit only with the same batches');
  return fails(what, found, mend);
}

function wordsOf(error: unknown): string {
  const { code, details } = RpcError.from(error);
  return `${code}: ${details}`;
}
