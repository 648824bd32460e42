/** `gapo generate`: completions of prompts by a run's policy. */
import type { GenerateCompletionsResponse } from '@gapo/rpc';
import { Command, Option } from 'commander';
import { Coordinator, coordinatorAddress } from '../client.js';
import { coordinatorOption, jsonOption, natural, nonNegativeReal, positive } from '../options/options.js';
import { preferOption, type PreferOption } from '../options/preferOption.js';
import { print, printMessage } from '../output.js';
import { statedText } from '../render/preference.js';
import { oneLine } from '../render/width.js';

interface GenerateFlags extends PreferOption {
  samples: number;
  version?: number;
  temperature?: number;
  seed: number;
  coordinator?: string;
  json?: true;
}

async function generate(runId: string, prompts: readonly string[], flags: GenerateFlags): Promise<void> {
  const { prefer: preference = {}, samples: samplesPerPrompt, version, temperature, seed } = flags;
  const coordinator = new Coordinator(coordinatorAddress(flags.coordinator));
  try {
    const response = await coordinator.generate({
      runId,
      prompts: [...prompts],
      samplesPerPrompt,
      preference,
      seed,
      ...(version !== undefined && { version }),
      ...(temperature !== undefined && { temperature }),
    });
    if (flags.json) printMessage('gapo.training.v1.GenerateCompletionsResponse', response);
    else print(completionsText(runId, prompts, response));
  } finally {
    coordinator.close();
  }
}

function completionsText(
  runId: string,
  prompts: readonly string[],
  { version, preference, completions }: GenerateCompletionsResponse,
): string {
  const blocks = prompts.map((prompt, i) => {
    const own = completions.filter((completion) => completion.prompt === i);
    const lines = own.map(({ text, finished }) => `  ${oneLine(text) || '(empty)'}${finished ? '' : ' (unfinished)'}`);
    return [oneLine(prompt), ...lines].join('\n');
  });
  return [`${runId}, version ${version}${statedText(preference)}`, ...blocks].join('\n\n');
}

/** Creates the command. */
export function generateCommand(): Command {
  return new Command('generate')
    .description("sample completions of prompts from a run's policy, for a stated preference if it takes one")
    .argument('<id>', "the run's id, as `gapo runs` lists it")
    .argument('<prompt...>', 'the prompts, each a user turn')
    .addOption(preferOption())
    .addOption(new Option('--samples <n>', 'completions per prompt, at most 64').default(1).argParser(positive))
    .addOption(new Option('--version <n>', 'the policy version (default: the newest)').argParser(natural))
    .addOption(
      new Option(
        '--temperature <t>',
        "divides the logits; 0: greedy (default: the run's evaluation.temperature)",
      ).argParser(nonNegativeReal),
    )
    .addOption(new Option('--seed <n>', 'seed of the completions').default(0).argParser(natural))
    .addOption(coordinatorOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
--prefer needs a run with policy.condition in its configuration, whose one policy serves every preference. The same
command prints the same completions.

Example:
  gapo generate conditioned-20250101-120000 "How can I submit my presentation?" --prefer helpful=0.7
  gapo generate assistant-20250101-120000 "How can I return my headset?" --samples 4`,
    )
    .action(generate);
}
