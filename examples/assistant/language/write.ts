/**
 * Writes what of the language is committed: the prompts and the tokenizer. Everything else is generated when models
 * are trained.
 */
import { join } from 'node:path';
import { parseArgs } from 'node:util';
import { writeAtomicallySync } from '@gapo/service';
import { prompts } from './corpus.js';
import { fitAssistantEncoding, tokenizerFiles } from './tokenizerFiles.js';

const helpText = `Writes the assistant's prompts and tokenizer.

  node examples/assistant/dist/language/write.js --out DIR [--seed 7]

  --out DIR    where prompts/ and tokenizer/ go; it is made if need be, files of those names are replaced
  --seed N     a whole number; the same seed writes the same bytes (default 7)
  --help       this text

Example, which rewrites the committed files:

  node examples/assistant/dist/language/write.js --out examples/assistant --seed 7
`;

const trainingPrompts = 1024;
const heldOutPrompts = 256;

/** An error in the command's arguments. */
class UsageError extends Error {}

/**
 * Parses the arguments; undefined if they ask for help.
 *
 * @throws UsageError if an argument is missing or invalid
 */
function readArguments(args: string[]): { out: string; seed: number } | undefined {
  let values;
  try {
    ({ values } = parseArgs({
      args,
      options: { out: { type: 'string' }, seed: { type: 'string', default: '7' }, help: { type: 'boolean' } },
    }));
  } catch (error) {
    throw new UsageError(error instanceof Error ? error.message : String(error));
  }
  if (values.help === true) return undefined;
  if (values.out === undefined || values.out === '') throw new UsageError('--out: not given, expected a directory');
  if (!/^\d+$/.test(values.seed) || !Number.isSafeInteger(Number(values.seed))) {
    throw new UsageError(`--seed: found '${values.seed}', expected a whole number such as 7`);
  }
  return { out: values.out, seed: Number(values.seed) };
}

/** Everything to write, by path below the output directory. */
function contents(seed: number): Map<string, string> {
  const lines = (rows: readonly object[]) => rows.map((row) => `${JSON.stringify(row)}\n`).join('');
  const files = new Map([
    ['prompts/train.jsonl', lines(prompts('training', seed, trainingPrompts))],
    ['prompts/heldout.jsonl', lines(prompts('heldout', seed, heldOutPrompts))],
  ]);
  for (const [name, value] of Object.entries(tokenizerFiles(fitAssistantEncoding(seed)))) {
    files.set(`tokenizer/${name}`, `${JSON.stringify(value, null, 2)}\n`);
  }
  return files;
}

function main(): void {
  const options = readArguments(process.argv.slice(2));
  if (options === undefined) {
    process.stdout.write(helpText);
    return;
  }
  for (const [name, text] of contents(options.seed)) {
    const path = join(options.out, name);
    writeAtomicallySync(path, text);
    process.stdout.write(`${path}: ${text.length} characters\n`);
  }
}

try {
  main();
} catch (error) {
  const message = error instanceof Error ? error.message : String(error);
  process.stderr.write(error instanceof UsageError ? `${message} (--help shows an example)\n` : `write: ${message}\n`);
  process.exitCode = error instanceof UsageError ? 2 : 1;
}
