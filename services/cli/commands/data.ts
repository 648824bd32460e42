/** `gapo data`: converts data sets to the preference pairs and prompts that the other commands read. */
import { createHash } from 'node:crypto';
import { columnMap } from '@gapo/config';
import { comparisonForm, type DataFormat, type LabelSources, promptForm, readRecords } from '@gapo/data';
import type { Prompt } from '@gapo/model';
import { UserError, word } from '@gapo/service';
import { Command, InvalidArgumentError, Option } from 'commander';
import { type Conversion, convertData, reasonLines } from '../convertedData.js';
import { jsonOption } from '../options/options.js';
import { dataOptions, withOptions } from '../options/trainingOptions.js';
import { note, print, printJson } from '../output.js';
import { fromHere } from '../project.js';
import { count } from '../render/numbers.js';

interface DataFlags {
  out: string;
  map?: Record<string, string>;
  json?: true;
}

interface PairFlags extends DataFlags {
  label: LabelSources;
}

interface PromptFlags extends DataFlags {
  except?: string[];
}

/**
 * Adds an objective to the labels given before.
 *
 * @throws InvalidArgumentError if it has another format, or is repeated
 */
function addLabel(given: string, before: LabelSources | undefined): LabelSources {
  const [objective = '', source, ...more] = given.split('=');
  if (!word.safeParse(objective).success || source === '' || more.length > 0) {
    throw new InvalidArgumentError('Expected OBJECTIVE or OBJECTIVE=SOURCE, such as helpful=better_response_id.');
  }
  if (before !== undefined && Object.hasOwn(before, objective)) {
    throw new InvalidArgumentError(`${objective} is given twice: give each objective once.`);
  }
  return { ...before, [objective]: source };
}

async function pairs(data: readonly string[], { out, map, label, json }: PairFlags): Promise<void> {
  const labelled = Object.fromEntries(Object.keys(label).map((objective) => [objective, 0]));
  const conversion = await convertData(data.map(fromHere), fromHere(out), {
    ...(map && { map }),
    convert(columns, leaveOut) {
      const compared = comparisonForm(columns, label);
      compared.leftOut.forEach(leaveOut);
      const lines = compared.pairs.map(({ prompt, ...pair }) => ({ prompt: written(prompt), ...pair }));
      for (const objective of lines.flatMap(({ labels }) => Object.keys(labels))) {
        labelled[objective] = (labelled[objective] ?? 0) + 1;
      }
      return lines;
    },
    check() {
      const missing = Object.keys(labelled).find((objective) => labelled[objective] === 0);
      if (missing === undefined) return;
      throw new UserError(`${data.join(', ')}: no row has a label for ${missing}, from ${label[missing] ?? 'chosen'}`);
    },
  });
  const counts = Object.entries(labelled).map(([objective, times]) => `${count(times)} for ${objective}`);
  report(out, conversion, {
    json,
    what: 'pairs',
    detail: ` (labels: ${counts.join(', ')})`,
    more: { labels: labelled },
  });
}

async function prompts(data: readonly string[], { out, map, except = [], json }: PromptFlags): Promise<void> {
  const seen = new Set<string>();
  if (except.length > 0) {
    await readRecords(except.map(fromHere), promptRows, (prompt) => seen.add(digestOf(prompt)));
  }
  const conversion = await convertData(data.map(fromHere), fromHere(out), {
    ...(map && { map }),
    convert(columns) {
      const prompt = promptForm(columns);
      const digest = digestOf(prompt);
      if (seen.has(digest)) throw new UserError('duplicate prompt');
      seen.add(digest);
      return [{ prompt: written(prompt) }];
    },
  });
  report(out, conversion, { json, what: 'prompts', detail: '', more: {} });
}

/**
 * Returns a prompt in the format of a row: its original text, or messages.
 *
 * @throws UserError if a turn is empty, or has the same role as the previous one. Many chat templates reject those, and then
 * the whole file is rejected.
 */
function written({ text, turns }: Prompt): string | Prompt['turns'] {
  turns.forEach(({ role, content }, i) => {
    if (content.trim() === '') throw new UserError(`prompt: a turn by "${role}" is empty`);
    if (role === turns[i - 1]?.role) throw new UserError(`prompt: two turns in a row are by "${role}"`);
  });
  return text ?? turns;
}

const promptRows: DataFormat<Prompt, Prompt> = {
  shape: '{"prompt"}',
  form: promptForm,
  encode: async (forms) => forms.map((value) => ({ value, truncated: false })),
};

/** Identifies a prompt by its turns. Data sets have hundreds of thousands of prompts, so their texts are not kept. */
function digestOf({ turns }: Prompt): string {
  return createHash('sha256').update(JSON.stringify(turns)).digest('base64');
}

interface Report {
  readonly json: true | undefined;
  readonly what: 'pairs' | 'prompts';
  readonly detail: string;
  readonly more: object;
}

function report(file: string, { rows, lines, leftOut }: Conversion, { json, what, detail, more }: Report): void {
  if (json) return printJson({ file, rows, [what]: lines, ...more, leftOut: Object.fromEntries(leftOut) });
  print(`${file}: ${count(lines)} ${what}${detail} from ${count(rows)} rows`);
  if (leftOut.size > 0) note(['left out:', ...reasonLines(leftOut)].join('\n'));
}

/** Creates the command. */
export function dataCommand(): Command {
  const command = (name: string, description: string): Command =>
    withOptions(
      new Command(name)
        .description(description)
        .argument('<data...>', 'files of JSON Lines, JSON arrays or Parquet, also compressed with gzip')
        .requiredOption('--out <file>', 'JSON Lines file to write'),
      ...dataOptions({ map: columnMap }),
      jsonOption(),
    );
  const label = new Option(
    '--label <objective[=source]>',
    'an objective and the source of its labels; repeat it for each objective',
  )
    .argParser(addLabel)
    .makeOptionMandatory();
  return new Command('data')
    .description('convert data sets to preference pairs and prompts')
    .addCommand(
      command('pairs', 'write preference pairs with a label for each objective')
        .addOption(label)
        .addHelpText(
          'after',
          `
Writes lines {"prompt", "chosen", "rejected", "labels"} for data.pairs of a run, gapo reward train and, with
--map completion=chosen, gapo sft. chosen is the better reply on the first objective that has a label. The source of a label:
  none             chosen is better, as in hh-rlhf and UltraFeedback's binarized forms
  a column         0 if chosen is better, 1 if rejected is; map those two to the columns of the replies
  an aspect        for rows of completions with annotations, as in UltraFeedback: all pairs that are rated differently
Rows without a valid pair, and prompts with an empty turn or two turns in a row by one role, are left out, and counted by
reason. A damaged file is an error.

Example:
  gapo data pairs helpful-base/train.jsonl.gz --label helpful --out helpful.jsonl
  gapo data pairs train.jsonl --map chosen=response_0 --map rejected=response_1 \\
    --label helpful=better_response_id --label harmless=safer_response_id --out pairs.jsonl
  gapo data pairs sharegpt.jsonl --label helpful=helpfulness --out helpful.jsonl`,
        )
        .action(pairs),
    )
    .addCommand(
      command('prompts', 'write the prompts of data sets, each once')
        .option('--except <file...>', 'files whose prompts are left out, such as training prompts')
        .addHelpText(
          'after',
          `
Writes lines {"prompt"} for data.prompts and data.heldOut of a run. docs/configuration.md says how prompts are found. Prompts
that gapo data pairs leaves out, and duplicates, are left out and counted by reason.

Example:
  gapo data prompts helpful-base/train.jsonl.gz harmless-base/train.jsonl.gz --out prompts.jsonl
  gapo data prompts helpful-base/test.jsonl.gz --except prompts.jsonl --out heldout.jsonl`,
        )
        .action(prompts),
    );
}
