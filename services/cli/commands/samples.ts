/** `gapo samples`: completions of a step, with every objective's score and advantage. */
import type { ListSamplesRequestInput, ListSamplesResponse, Sample } from '@gapo/rpc';
import { UserError } from '@gapo/service';
import { Command, Option } from 'commander';
import { Coordinator, coordinatorAddress } from '../client.js';
import { coordinatorOption, jsonOption, positive, stepNumber } from '../options/options.js';
import { note, print, printMessage } from '../output.js';
import { samplesText } from '../render/samples.js';

interface SamplesFlags {
  worst?: string;
  conflict?: true;
  longest?: true;
  unfinished?: true;
  search?: string;
  prompt?: string;
  tokens?: true;
  limit: number;
  coordinator?: string;
  json?: true;
}

/** Maximum completions per request. */
const largestPage = 100;

async function samples(id: string, step: number | undefined, flags: SamplesFlags): Promise<void> {
  const coordinator = new Coordinator(coordinatorAddress(flags.coordinator));
  try {
    const found = await pagesOf(coordinator, requestOf(id, step, flags), flags.limit);
    if (flags.tokens) found.samples = await withTokens(coordinator, id, found.samples);
    if (flags.json) return printMessage('gapo.training.v1.ListSamplesResponse', found);
    print(samplesText(id, found, flags.tokens));
    const left = found.total - found.samples.length;
    if (left > 0) note(`${left} more; --limit ${found.total} shows them all`);
  } finally {
    coordinator.close();
  }
}

/** @throws UserError for mutually exclusive options */
function requestOf(runId: string, step: number | undefined, flags: SamplesFlags): ListSamplesRequestInput {
  const { worst, conflict, longest, unfinished = false, search = '', prompt = '' } = flags;
  const orders = [worst !== undefined && '--worst', conflict && '--conflict', longest && '--longest'].filter(Boolean);
  if (orders.length > 1) throw new UserError(`${orders.join(' and ')} are sort orders: give only one`);
  if (prompt !== '' && step !== undefined) {
    throw new UserError(`--prompt shows a prompt at every step that is kept: leave out the step ${step}`);
  }
  const order =
    worst !== undefined
      ? 'SAMPLE_ORDER_WORST'
      : conflict
        ? 'SAMPLE_ORDER_CONFLICT'
        : longest
          ? 'SAMPLE_ORDER_LONGEST'
          : 'SAMPLE_ORDER_UNSPECIFIED';
  return {
    runId,
    ...(step !== undefined && { step }),
    promptId: prompt,
    order,
    objective: worst ?? '',
    unfinished,
    search,
  };
}

/** Returns the first completions as one page, fetching as many pages as needed. */
async function pagesOf(
  coordinator: Coordinator,
  request: ListSamplesRequestInput,
  limit: number,
): Promise<ListSamplesResponse> {
  const pageAfter = (pageToken: string, taken: number): Promise<ListSamplesResponse> =>
    coordinator.samples({ ...request, pageToken, pageSize: Math.min(largestPage, limit - taken) });
  const first = await pageAfter('', 0);
  const all = [...first.samples];
  let next = first.nextPageToken;
  // Keeps the step of the first page, because the newest may be a different one by now.
  if (first.step !== undefined) request = { ...request, step: first.step };
  while (next !== '' && all.length < limit) {
    const page = await pageAfter(next, all.length);
    all.push(...page.samples);
    next = page.nextPageToken;
  }
  return { ...first, samples: all, nextPageToken: next };
}

/** Returns completions with their tokens. */
async function withTokens(coordinator: Coordinator, runId: string, samples: readonly Sample[]): Promise<Sample[]> {
  const all: Sample[] = [];
  for (const { step, prompt, sample } of samples) all.push(await coordinator.sample({ runId, step, prompt, sample }));
  return all;
}

/** Creates the command. */
export function samplesCommand(): Command {
  return new Command('samples')
    .description("show completions of a step, with every objective's score and advantage")
    .argument('<id>', "the run's id, as `gapo runs` lists it")
    .argument('[step]', 'the step (default: the newest whose completions are kept)', stepNumber)
    .addOption(new Option('--worst <objective>', "the objective's lowest scores first"))
    .addOption(new Option('--conflict', 'the largest conflicts between objectives first, by their advantages'))
    .addOption(new Option('--longest', 'the most tokens first'))
    .addOption(new Option('--unfinished', 'only those that reached the length limit'))
    .addOption(new Option('--search <text>', 'only those with this text in the prompt or the completion'))
    .addOption(new Option('--prompt <id>', 'only those of this prompt, at every kept step'))
    .addOption(
      new Option('--tokens', 'each completion token by token, with log-probabilities and per-token advantages'),
    )
    .addOption(new Option('--limit <n>', 'maximum number of completions').default(10).argParser(positive))
    .addOption(coordinatorOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
A run keeps some completions of some steps: samples.perStep and samples.keep of its configuration. The id of a prompt
precedes its text, and is the same in all steps and runs.

Example:
  gapo samples assistant-20250101-120000 12 --worst harmless
  gapo samples assistant-20250101-120000 --prompt 34fb5c825de7ca4a
  gapo samples assistant-20250101-120000 12 --worst harmless --limit 1 --tokens`,
    )
    .action(samples);
}
