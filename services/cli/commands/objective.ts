/** `gapo objective`: adds objectives to a run while it trains, or removes them. */
import { failurePolicies, objectiveInput, textForms } from '@gapo/rpc';
import { Command, Option } from 'commander';
import { authorOf } from '../author.js';
import { Coordinator, coordinatorAddress, type ObjectivesChange } from '../client.js';
import { assignmentList } from '../options/assignments.js';
import { authorOption } from '../options/author.js';
import { coordinatorOption, jsonOption, positiveReal, real, seconds } from '../options/options.js';
import { print, printMessage } from '../output.js';
import { hasNumbers, numbersText } from '../render/preference.js';

interface ChangeFlags {
  prefer?: Record<string, number>;
  by?: string;
  coordinator?: string;
  json?: true;
}

interface AddFlags extends ChangeFlags {
  service?: string;
  onFailure?: keyof typeof failurePolicies;
  timeout?: number;
  hedgeAfter?: number;
  scale?: number;
  noise?: number;
  threshold?: number;
  text?: keyof typeof textForms;
}

async function add(id: string, name: string, flags: AddFlags): Promise<void> {
  const { service, onFailure, timeout, hedgeAfter, scale, noise, threshold, text } = flags;
  const objective = objectiveInput({
    name,
    service,
    onFailure,
    timeoutSeconds: timeout,
    hedgeAfterSeconds: hedgeAfter,
    scale,
    noise,
    threshold,
    text,
  });
  await change(id, { add: [objective] }, `${name} added`, flags);
}

async function remove(id: string, name: string, flags: ChangeFlags): Promise<void> {
  await change(id, { remove: [name] }, `${name} removed`, flags);
}

async function change(id: string, wanted: ObjectivesChange, what: string, flags: ChangeFlags): Promise<void> {
  const author = authorOf(flags.by);
  const coordinator = new Coordinator(coordinatorAddress(flags.coordinator));
  try {
    const answer = await coordinator.changeObjectives(id, { ...wanted, preference: flags.prefer ?? {} }, author);
    if (flags.json) return printMessage('gapo.training.v1.ChangeObjectivesResponse', answer);
    const { run, changed, firstStep } = answer;
    const { objectives, preference } = run;
    const inForce = hasNumbers(preference) ? numbersText(preference, objectives) : objectives.join(', ');
    if (changed) print(`${id}: ${what}; from step ${firstStep}: ${inForce} (by ${author})`);
    else print(`${id}: unchanged: ${inForce}`);
  } finally {
    coordinator.close();
  }
}

const preferOption = (): Option =>
  new Option('--prefer <objective=number,...>', 'a number of at least 0 for each resulting objective').argParser(
    assignmentList,
  );

const idArgument = ['<id>', "the run's id, as `gapo runs` lists it"] as const;

function addCommand(): Command {
  return new Command('add')
    .description('add an objective to a run from its next step')
    .argument(...idArgument)
    .argument('<name>', "the objective's name, as its service describes it")
    .addOption(
      new Option(
        '--service <host:port>',
        "its address, or its name in REWARD_SERVICES (default: the objective's name)",
      ),
    )
    .addOption(
      new Option('--on-failure <policy>', 'what to do when a completion has no score (default: pause)').choices(
        Object.keys(failurePolicies),
      ),
    )
    .addOption(new Option('--timeout <seconds>', 'deadline of one call (default: 30)').argParser(seconds))
    .addOption(
      new Option('--hedge-after <seconds>', 'when to hedge an unanswered call (default: never)').argParser(seconds),
    )
    .addOption(new Option('--scale <factor>', 'what its scores are multiplied by (default: 1)').argParser(positiveReal))
    .addOption(
      new Option('--noise <deviation>', 'normal noise that training adds to its scores (default: none)').argParser(
        positiveReal,
      ),
    )
    .addOption(
      new Option(
        '--threshold <score>',
        'train on 1 for a score of at least this, else 0 (default: the score itself)',
      ).argParser(real),
    )
    .addOption(
      new Option(
        '--text <form>',
        'the text sent to it: clean, or raw with special tokens (default: what it describes)',
      ).choices(Object.keys(textForms)),
    )
    .addOption(preferOption())
    .addOption(authorOption())
    .addOption(coordinatorOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
The service must answer Describe before anything changes. If the run's method takes a preference, --prefer is required, with
one number for each resulting objective. The author of the change is recorded. Nothing restarts.

Example:
  gapo objective add assistant-20250101-120000 concise --service 127.0.0.1:50061 --prefer helpful=2,harmless=2,concise=1`,
    )
    .action(add);
}

function removeCommand(): Command {
  return new Command('remove')
    .description('remove an objective from a run from its next step')
    .argument(...idArgument)
    .argument('<name>', "the objective's name")
    .addOption(preferOption())
    .addOption(authorOption())
    .addOption(coordinatorOption())
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Without --prefer the other objectives keep their numbers.

Example:
  gapo objective remove assistant-20250101-120000 concise`,
    )
    .action(remove);
}

/** Creates the command. */
export function objectiveCommand(): Command {
  return new Command('objective')
    .description('add objectives to a run while it trains, or remove them; the author of the change is recorded')
    .addHelpText(
      'after',
      `
Example:
  gapo objective add assistant-20250101-120000 concise --service 127.0.0.1:50061
  gapo objective remove assistant-20250101-120000 concise`,
    )
    .addCommand(addCommand())
    .addCommand(removeCommand());
}
