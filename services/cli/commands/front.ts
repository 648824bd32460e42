/** `gapo front`: trains one policy per preference, or uses a single preference-conditioned policy, and compares them. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { EvaluationReport, Run } from '@gapo/rpc';
import { UserError, writeAtomicallySync } from '@gapo/service';
import { Command, Option } from 'commander';
import { Coordinator, coordinatorAddress } from '../client.js';
import { readConfigFile } from '../configFile.js';
import { exitInterrupted, Exit } from '../exit.js';
import { analyse } from '../fronts/analysis.js';
import { FrontEta } from '../fronts/eta.js';
import { frontOf, newFrontDirectory, type Front, type Member } from '../fronts/front.js';
import { frontPlot } from '../fronts/frontPlot.js';
import { frontJson, frontTable } from '../fronts/frontTable.js';
import { frontMembers, type PlannedMember } from '../fronts/members.js';
import { soupOf } from '../fronts/soups.js';
import { variantsOf } from '../fronts/variants.js';
import { listenForInterrupts, type Interrupts } from '../interrupts.js';
import { coordinatorOption, jsonOption, positive, stackOptions, type StackFlags } from '../options/options.js';
import { print, printJson } from '../output.js';
import { fromHere } from '../project.js';
import { makeReporter, type Reporter } from '../render/reporter.js';
import { takeRun } from '../runs/chooseRun.js';
import { evaluate } from '../runs/evaluate.js';
import { frontOfRun } from '../runs/frontOfRun.js';
import { coordinatorOf, openServices, type RunServices } from '../runs/runServices.js';
import { isAbort, trainToEnd } from '../runs/trainToEnd.js';

interface FrontFlags extends StackFlags {
  preferences: number;
  soup?: true;
  coordinator?: string;
  json?: true;
}

/** The context of the training runs and evaluations of one front. */
interface Session {
  coordinator: Coordinator;
  services: RunServices;
  dataDirectory: string;
  reporter: Reporter;
  interrupts: Interrupts;
  eta: FrontEta;
  /** The command that resumes it. */
  command: string;
}

type Evaluated = { member: Member; report: EvaluationReport };

function front(configOrRun: string, flags: FrontFlags): Promise<void> {
  const isFile = /\.(ya?ml|json)$/.test(configOrRun) || existsSync(fromHere(configOrRun));
  if (!isFile && flags.soup) throw new UserError('--soup averages policies, but a run has only one: leave it out');
  if (isFile && flags.coordinator !== undefined) {
    throw new UserError('--coordinator needs a run: a configuration uses the services of --data, or starts its own');
  }
  return isFile ? frontOfConfig(configOrRun, flags) : frontOfOneRun(configOrRun, flags);
}

/** Evaluates a run's single policy at each preference. */
async function frontOfOneRun(id: string, flags: FrontFlags): Promise<void> {
  const coordinator = new Coordinator(coordinatorAddress(flags.coordinator));
  const interrupts = listenForInterrupts();
  const reporter = makeReporter(flags.json === true);
  try {
    const run = await coordinator.getRun(id);
    save(await frontOfRun(coordinator, run, flags.preferences, reporter, interrupts.stopRequested), flags);
  } catch (error) {
    if (interrupts.stopRequested.aborted && isAbort(error)) throw new Exit(exitInterrupted);
    throw error;
  } finally {
    reporter.finish();
    interrupts.release();
    coordinator.close();
  }
}

async function frontOfConfig(configPath: string, flags: FrontFlags): Promise<void> {
  const file = readConfigFile(fromHere(configPath));
  const variants = variantsOf(file);
  const { name } = file.config;
  const planned = frontMembers(variants, flags.preferences, flags.soup === true);
  const reporter = makeReporter(flags.json === true);
  const interrupts = listenForInterrupts();
  const dataDirectory = fromHere(flags.data);
  let services: RunServices | undefined;
  let result: Front;
  try {
    services = await openServices(flags, reporter, interrupts, file);
    const coordinator = coordinatorOf(services);
    try {
      const eta = new FrontEta(planned.map(({ words }) => words));
      const command = `gapo front ${configPath} --preferences ${flags.preferences}${flags.soup ? ' --soup' : ''}`;
      const session = { coordinator, services, dataDirectory, reporter, interrupts, eta, command };
      const evaluated = await trainAll(session, planned);
      if (flags.soup) evaluated.push(...(await averages(session, planned, evaluated)));
      result = frontOf(name, new Date(), variants.objectives, evaluated);
    } finally {
      coordinator.close();
    }
  } catch (error) {
    if (interrupts.stopRequested.aborted && isAbort(error)) throw new Exit(exitInterrupted);
    throw error;
  } finally {
    reporter.finish();
    await services?.stop(interrupts.forced.aborted);
    interrupts.release();
  }
  save(result, flags);
}

/** Writes a front and prints it. */
function save(result: Front, flags: FrontFlags): void {
  const directory = newFrontDirectory(fromHere(flags.data), result.name, new Date(result.created));
  const analysis = analyse(result);
  const files = { front: join(directory, 'front.json'), plot: join(directory, 'front.svg') };
  writeAtomicallySync(files.front, `${JSON.stringify(result, null, 2)}\n`);
  writeAtomicallySync(files.plot, frontPlot(result, analysis));
  if (flags.json) printJson({ ...frontJson(result, analysis), files });
  else print(`\n${frontTable(result, analysis)}\n\nfront  ${files.front}\nplot   ${files.plot}`);
}

async function trainAll(session: Session, planned: readonly PlannedMember[]): Promise<Evaluated[]> {
  const evaluated: Evaluated[] = [];
  for (const plan of planned) {
    session.eta.next();
    const run = await trainOne(session, plan, `policy ${evaluated.length + 1} of ${planned.length}`);
    const member = {
      run: run.id,
      group: plan.group,
      label: plan.label,
      preference: plan.preference,
      ingredients: null,
    };
    evaluated.push({ member, report: await evaluateOne(session, run.id) });
  }
  return evaluated;
}

async function trainOne(session: Session, { config, words }: PlannedMember, which: string): Promise<Run> {
  const { coordinator, services, dataDirectory, reporter, interrupts, eta, command } = session;
  interrupts.stopRequested.throwIfAborted();
  const run = await takeRun(coordinator, config, dataDirectory, interrupts.stopRequested);
  if (run.state === 'RUN_STATE_SUCCEEDED') {
    reporter.say(`${which} (${words}): run ${run.id} is already complete`);
    return run;
  }
  reporter.say(`${which} (${words}): run ${run.id}${run.step > 0 ? `, from step ${run.step}` : ''}`);
  services.tracesOf(run.id);
  const fresh = `gapo train ${config.path}`;
  const whole = eta.whole.bind(eta);
  return (await trainToEnd(coordinator, run, reporter, interrupts, { resume: command, fresh }, whole)).trained;
}

function evaluateOne(session: Session, id: string): Promise<EvaluationReport> {
  const { coordinator, reporter, interrupts, eta } = session;
  const options = { samples: 0, signal: interrupts.stopRequested };
  return eta.evaluating(() => evaluate(coordinator, id, reporter, options));
}

/** Creates Rewarded Soups: averages of the single-objective policies with the preferences of the front as weights. */
async function averages(
  session: Session,
  planned: readonly PlannedMember[],
  evaluated: readonly Evaluated[],
): Promise<Evaluated[]> {
  const { coordinator, reporter, interrupts } = session;
  const ends = planned.flatMap(({ only }, i) => (only === null ? [] : [{ only, run: evaluated[i]?.member.run ?? '' }]));
  const averaged: Evaluated[] = [];
  for (const { preference, label } of planned) {
    if (preference === null) continue;
    const ingredients = Object.fromEntries(ends.map(({ only, run }) => [run, preference[only] ?? NaN]));
    const run = await soupOf(coordinator, ingredients, interrupts.stopRequested);
    reporter.say(`average for ${label}: run ${run.id}`);
    const member = { run: run.id, group: 'Rewarded Soups', label, preference, ingredients: { ...run.ingredients } };
    averaged.push({ member, report: await evaluateOne(session, run.id) });
  }
  return averaged;
}

/** Creates the command. */
export function frontCommand(): Command {
  const command = new Command('front')
    .description('compare policies for several preferences: one trained for each, or one conditioned policy for all')
    .argument('<config-or-run>', 'the run configuration, YAML, or the id of a run with policy.condition')
    .addOption(
      new Option('--preferences <n>', 'number of preference vectors, evenly spaced').default(5).argParser(positive),
    )
    .addOption(new Option('--soup', 'also train one policy per single objective, and average them (Rewarded Soups)'))
    .addHelpText(
      'after',
      `
With a configuration, trains one policy for each preference. Replaces the configuration's \`combine\` by P-GAPO with each preference (or by linear with these weights, if its method is
linear). With more than two objectives the preferences are the largest simplex grid of at most that many vectors. Ctrl-C
pauses; the same command resumes and keeps completed runs. With a run whose policy is conditioned on
the preference (\`policy.condition\`), only evaluates it at each. Writes DATA/fronts/NAME-TIME/front.json and front.svg, which
\`gapo pareto\` shows again.

Example:
  gapo front examples/assistant/run.yaml --preferences 5 --soup
  gapo front conditioned-20250101-120000`,
    );
  command.addOption(coordinatorOption());
  for (const option of stackOptions()) command.addOption(option);
  return command.addOption(jsonOption()).action(front);
}
