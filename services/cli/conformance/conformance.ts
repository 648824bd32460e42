/** Tests, only through its network address, whether a reward service follows the contract in docs/rewards.md. */
import {
  checkHealth,
  maxReceiveBytes,
  messageBytes,
  retry,
  RpcError,
  type Client,
  type DescribeResponse,
  type Item,
  type Result,
} from '@gapo/rpc';
import { itemsOf, ordinary, ordinaryItems, unusual } from './probes.js';

/** The result of one check. */
export interface Finding {
  readonly what: string;
  /** `fails`: the contract is broken; `note`: it is followed, but something is worth knowing. */
  readonly verdict: 'ok' | 'note' | 'fails';
  /** What was found. */
  readonly found: string;
  /** How to fix it; empty if there is nothing to fix. */
  readonly fix: string;
}

/** The service under test. */
export interface Checked {
  readonly client: Client<'gapo.reward.v1.RewardService'>;
  readonly address: string;
  /** The deadline of one call. */
  readonly deadlineMs: number;
  readonly signal: AbortSignal;
  /** Observes which check is running. */
  readonly work: (what: string) => void;
}

const ok = (what: string, found: string): Finding => ({ what, verdict: 'ok', found, fix: '' });
const note = (what: string, found: string, fix = ''): Finding => ({ what, verdict: 'note', found, fix });
const fails = (what: string, found: string, fix: string): Finding => ({ what, verdict: 'fails', found, fix });

/** A service that has only just started gets a few seconds to become ready. */
const startupRetry = { attempts: 5, baseDelayMs: 250, maxDelayMs: 2000 };

/** Maximum number of items in a large call: any number reveals a byte limit. */
const fewItems = 4;

/** Maximum bytes of a metadata column excluding its value. */
const paddingBytes = 32;

/** The largest batch in a check, and the batch size if Describe states no limit. */
const unlimitedBatch = 64;

/**
 * Runs all checks. A misbehaving service results in findings, never in an error.
 *
 * @returns the findings, and the description if the service returned one
 */
export async function conformance(
  checked: Checked,
): Promise<{ findings: Finding[]; description: DescribeResponse | undefined }> {
  const { client, deadlineMs, signal } = checked;
  checked.work('Describe');
  let description: DescribeResponse;
  try {
    description = await retry(() => client.Describe({}, { deadlineMs, signal }), { ...startupRetry, signal });
  } catch (error) {
    signal.throwIfAborted();
    const fix = 'start the service, or correct the address; it must implement gapo.reward.v1.RewardService';
    return { findings: [fails('Describe', wordsOf(error), fix)], description: undefined };
  }
  const findings = [await healthFinding(checked), ...descriptionFindings(description)];
  const size = Math.min(description.maxBatch || unlimitedBatch, unlimitedBatch);
  for (const check of [scores, repeats, order, batches, unusualTexts, limits, largeCalls]) {
    signal.throwIfAborted();
    findings.push(...(await check(checked, description, size)));
  }
  return { findings, description };
}

async function healthFinding({ address, deadlineMs }: Checked): Promise<Finding> {
  try {
    const status = await checkHealth(address, deadlineMs);
    if (status === 'SERVING') return ok('health', 'SERVING');
    return fails('health', status, 'answer SERVING to grpc.health.v1.Health/Check while the service can score');
  } catch (error) {
    const fix = 'serve grpc.health.v1.Health, which Kubernetes and gapo use as readiness probe';
    return note('health', wordsOf(error), fix);
  }
}

function descriptionFindings(description: DescribeResponse): Finding[] {
  const { objective, version, maxBatch, minimum, maximum, threshold, orientation } = description;
  const findings = [
    objective === ''
      ? fails('objective', 'no name', 'name the objective in Describe')
      : ok('objective', `${objective}, ${description.model || 'unnamed model'}`),
    version === ''
      ? note('version', 'none: its scores are never cached', 'state a version that changes whenever scores may change')
      : ok('version', version),
    maxBatch === 0
      ? note('max_batch', `none: batches of ${unlimitedBatch} are sent`, 'state the maximum number of items per call')
      : ok('max_batch', String(maxBatch)),
  ];
  if (orientation === 'ORIENTATION_UNSPECIFIED')
    findings.push(note('orientation', 'not stated: higher is assumed to be better', 'state it in Describe'));
  const ends = [minimum, threshold, maximum].filter((value) => value !== undefined);
  const broken =
    ends.some((value) => !Number.isFinite(value)) || ends.some((value, i) => value < (ends[i - 1] ?? value));
  if (broken) {
    const found = `minimum ${minimum ?? 'none'}, threshold ${threshold ?? 'none'}, maximum ${maximum ?? 'none'}`;
    findings.push(fails('range', found, 'state finite numbers with minimum ≤ threshold ≤ maximum'));
  }
  return findings;
}

async function scores(checked: Checked, { minimum, maximum }: DescribeResponse, size: number): Promise<Finding[]> {
  const items = itemsOf(ordinary);
  const { results, problem } = await score(checked, 'ordinary exchanges', items, size);
  if (results === undefined) return [fails('scores', problem, 'return one result per item, in order, with its id')];
  const failed = results.filter(({ outcome }) => outcome === 'error');
  const values = results.flatMap(({ score, outcome }) => (outcome === 'score' && score !== undefined ? [score] : []));
  const bad = values.filter((value) => !Number.isFinite(value));
  if (bad.length > 0)
    return [fails('scores', `${bad.length} of ${items.length} are ${bad[0]}`, 'return an error for such an item')];
  if (failed.length > 0) {
    const reason = failed[0]?.error?.message ?? '';
    const found = `${failed.length} of ${items.length} ordinary exchanges have none: ${reason}`;
    return [fails('scores', found, 'fix the reported error: these are texts that policies produce all the time')];
  }
  const [low, high] = [Math.min(...values), Math.max(...values)];
  const range = `${low.toPrecision(4)} to ${high.toPrecision(4)} over ${values.length} exchanges`;
  const findings = [
    low === high ? note('scores', `all are ${low}`, 'a constant reward gives no training signal') : ok('scores', range),
  ];
  if (low < (minimum ?? -Infinity) || high > (maximum ?? Infinity)) {
    findings.push(
      fails('range', `scores from ${low} to ${high}`, 'keep scores within minimum and maximum, or do not state them'),
    );
  }
  return findings;
}

async function repeats(checked: Checked, _: DescribeResponse, size: number): Promise<Finding[]> {
  const items = itemsOf(ordinary.slice(0, size));
  const [first, second] = [
    await score(checked, 'repetition', items, size),
    await score(checked, 'repetition', items, size),
  ];
  return [
    compared('the same batch twice', first, second, 'fix the seeds, or average: runs reproduce only if rewards do'),
  ];
}

async function order(checked: Checked, _: DescribeResponse, size: number): Promise<Finding[]> {
  const items = itemsOf(ordinary.slice(0, size));
  const forth = await score(checked, 'order', items, size);
  const back = await score(checked, 'order', items.toReversed(), size);
  const restored = back.results && { ...back, results: back.results.toReversed() };
  return [
    compared(
      'the batch in reverse',
      forth,
      restored ?? back,
      'return results in the order of the items, with their ids',
    ),
  ];
}

async function batches(checked: Checked, _: DescribeResponse, size: number): Promise<Finding[]> {
  const items = itemsOf(ordinary.slice(0, Math.min(size, 16)));
  const together = await score(checked, 'batches', items, size);
  const alone = await score(checked, 'batches', items, 1);
  return [
    compared('each item alone', together, alone, 'mask padding: a score must not depend on the rest of the batch'),
  ];
}

async function unusualTexts(checked: Checked): Promise<Finding[]> {
  const findings: Finding[] = [];
  const refused = new Map<string, string[]>();
  for (const { what, ...exchange } of unusual) {
    const fix = 'return a score or an error for the item, and keep serving';
    const { results, problem } = await score(checked, what, itemsOf([exchange]), 1);
    const [result] = results ?? [];
    if (result === undefined) findings.push(fails(what, problem, fix));
    else if (result.outcome === 'error') {
      const reason = result.error?.message ?? '';
      refused.set(reason, [...(refused.get(reason) ?? []), what]);
    } else if (!Number.isFinite(result.score)) findings.push(fails(what, `the score is ${result.score}`, fix));
  }
  if (refused.size > 0) {
    const reasons = [...refused].map(([reason, texts]) => `${texts.join(', ')} (${reason})`);
    const fix = 'completions like these pause a run whose onFailure is pause: score them if possible';
    findings.push(note('unusual texts', `no score for ${reasons.join('; ')}`, fix));
  }
  const bad = [...refused.values()].flat().length + findings.filter(({ verdict }) => verdict === 'fails').length;
  return [ok('unusual texts', `${unusual.length - bad} of ${unusual.length} have scores`), ...findings];
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
  if (none instanceof RpcError) findings.push(note('an empty batch', none.code, 'return an empty list of results'));
  if (maxBatch > 0 && maxBatch <= 4096) {
    const answer = await call(ordinaryItems(maxBatch + 1));
    const refuses = answer instanceof RpcError && answer.code === 'INVALID_ARGUMENT';
    const found = answer instanceof RpcError ? `${answer.code}: ${answer.details}` : `${answer.length} results`;
    findings.push(
      refuses
        ? ok('one item too many', 'INVALID_ARGUMENT')
        : note('one item too many', found, 'reject it with INVALID_ARGUMENT'),
    );
  }
  const after = await call(itemsOf(ordinary.slice(0, 1)));
  if (after instanceof RpcError)
    findings.push(fails('afterwards', `${after.code}: ${after.details}`, 'keep serving after any request'));
  return findings;
}

/** Size of a call with long conversations if Describe states no byte limit: more than gRPC servers accept by default. */
const largeCall = 8 * 2 ** 20;

/** Sends items with long metadata columns, which take no time to score. */
async function largeCalls(checked: Checked, { maxBatch, maxBytes }: DescribeResponse): Promise<Finding[]> {
  const { client, deadlineMs, signal } = checked;
  const wanted = Math.min(maxBytes || largeCall, maxReceiveBytes);
  const what = `a call of ${(wanted / 2 ** 20).toPrecision(2)} MiB`;
  checked.work(what);
  const items = paddedItems(Math.min(maxBatch || fewItems, fewItems), wanted);
  try {
    await client.Score({ items }, { deadlineMs, signal });
    return [ok(what, 'is received')];
  } catch (error) {
    signal.throwIfAborted();
    const fix =
      'raise the receive limit (grpc.max_receive_message_length in Python, MaxRecvMsgSize in Go), and state it as ' +
      'max_bytes; until then runs send requests of less than 3 MiB';
    if (maxBytes > 0) return [fails(what, `${wordsOf(error)}; Describe states max_bytes ${maxBytes}`, fix)];
    return [note(what, wordsOf(error), fix)];
  }
}

/** Returns items whose request has close to, but not more than, the wanted number of bytes. */
function paddedItems(count: number, wanted: number): Item[] {
  const items = itemsOf(ordinary.slice(0, count));
  const spare = wanted - messageBytes('gapo.reward.v1.ScoreRequest', { items });
  const padding = Math.max(0, Math.floor(spare / items.length) - paddingBytes);
  return items.map((item) => ({ ...item, metadata: { padding: 'x'.repeat(padding) } }));
}

interface Answer {
  /** One per item, in order; undefined if the service returned anything else. */
  readonly results?: readonly Result[];
  /** What it returned instead. */
  readonly problem: string;
}

/** Scores items in batches of at most `size`. */
async function score(
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
      for (const [i, { id }] of response.results.entries()) {
        const expected = batch[i]?.id ?? '';
        if (id !== expected) return { problem: `result ${i} is for "${id}", expected "${expected}"` };
      }
      results.push(...response.results);
    } catch (error) {
      signal.throwIfAborted();
      return { problem: wordsOf(error) };
    }
  }
  return { results, problem: '' };
}

/** The largest difference explained by summing float32 in a different order. */
const rounding = 1e-5;

function compared(what: string, first: Answer, second: Answer, fix: string): Finding {
  const problem = first.problem || second.problem;
  if (first.results === undefined || second.results === undefined) return fails(what, problem, fix);
  const gaps = first.results.map(({ score = NaN }, i) => Math.abs(score - (second.results?.[i]?.score ?? NaN)));
  const known = gaps.filter((gap) => !Number.isNaN(gap));
  if (known.length === 0) return note(what, 'no scores to compare');
  const largest = Math.max(0, ...known);
  if (largest === 0) return ok(what, `${known.length} scores are equal, bit for bit`);
  const found = `scores differ by up to ${largest.toPrecision(3)}`;
  if (largest <= rounding) return note(what, found, 'runs reproduce bit for bit only with the same batches');
  return fails(what, found, fix);
}

function wordsOf(error: unknown): string {
  const { code, details } = RpcError.from(error);
  return `${code}: ${details}`;
}
