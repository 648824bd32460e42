/** The page: a list of runs, or one run with its charts. The address's #fragment is the run's id. */
import { Charts } from '#page/charts.js';
import type { ReportData, RunData, StepData } from '#page/data.js';
import { embeddedReport, fetchRun, fetchRuns, followRun } from '#page/feed.js';
import { duration, element, fixed, significant } from '#page/format.js';
import { nothingYet, stepsInOrder, take } from '#page/progress.js';
import { evaluationSection, objectivesTable, runsTable, stateBadge } from '#page/tables.js';

const main = document.getElementById('main') as HTMLElement;
const runsNav = document.getElementById('runs') as HTMLElement;

/** The list of runs is read again this often. */
const lookAgainMs = 5000;

/** What a view leaves behind when another takes its place. */
type Leave = () => void;

/** The parts of a run's view that change. */
class RunView {
  readonly #run: RunData;
  readonly #charts: Charts;
  readonly #title = element('h2');
  readonly #bar = element('progress', { 'aria-label': 'Steps taken' });
  readonly #doing = element('p', { class: 'quiet' });
  readonly #facts = element('dl', { class: 'facts' });
  readonly #last = element('div');
  #wanted = 0;

  constructor(run: RunData) {
    this.#run = run;
    this.#charts = new Charts(run.objectives);
    main.replaceChildren(this.#title, this.#bar, this.#doing, this.#facts, this.#charts.element, this.#last);
  }

  /** Shows the run as it is now; many calls within a frame draw once. */
  show(state: string, reason: string, doing: string, steps: readonly StepData[]): void {
    cancelAnimationFrame(this.#wanted);
    this.#wanted = requestAnimationFrame(() => this.#draw(state, reason, doing, steps));
  }

  append(section: HTMLElement): void {
    main.append(section);
  }

  leave(): void {
    cancelAnimationFrame(this.#wanted);
    this.#charts.destroy();
  }

  #draw(state: string, reason: string, doing: string, steps: readonly StepData[]): void {
    const { id, method, totalSteps } = this.#run;
    const last = steps.at(-1);
    const step = last?.step ?? this.#run.step;
    this.#title.replaceChildren(`${id} `, stateBadge(state), reason === '' ? '' : ` ${reason}`);
    this.#bar.max = Math.max(totalSteps, 1);
    this.#bar.value = step;
    this.#doing.textContent = doing;
    const running = state === 'running' && step < totalSteps;
    const facts: [string, string][] = [
      ['step', `${step} of ${totalSteps}`],
      ['method', method],
      ['time left', running ? duration(last?.etaSeconds) : '–'],
      ['KL', significant(last?.kl)],
      ['stationarity', significant(last?.stationarity)],
      ['tokens/s', last?.seconds ? fixed(last.tokens / last.seconds, 0) : '–'],
      ['seconds/step', fixed(last?.seconds, 2)],
      ['trace', last?.traceId === undefined || last.traceId === '' ? '–' : last.traceId],
    ];
    this.#facts.replaceChildren(
      ...facts.map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))),
    );
    this.#charts.show(steps);
    this.#last.replaceChildren(
      ...(last === undefined ? [] : [element('h2', {}, `Objectives at step ${last.step}`), objectivesTable(last)]),
    );
    // For tests and for scripts that look at the page.
    main.dataset['step'] = String(step);
    main.dataset['state'] = state;
  }
}

function showReport({ run, steps, evaluation }: ReportData): void {
  document.title = `gapo: ${run.id}`;
  const view = new RunView(run);
  view.show(run.state, run.reason, '', steps);
  if (evaluation !== undefined) view.append(evaluationSection(evaluation));
  if (run.checkpoint !== '') view.append(element('p', {}, 'Checkpoint: ', element('code', {}, run.checkpoint)));
  view.append(element('p', { class: 'quiet' }, 'Version: ', element('code', {}, `sha256 ${run.versionSha256}`)));
}

async function showRun(id: string): Promise<Leave> {
  const run = await fetchRun(id);
  document.title = `gapo: ${id}`;
  const view = new RunView(run);
  const following = nothingYet();
  let away = '';
  const draw = (): void => {
    const { state = run.state, reason, doing } = following;
    view.show(state, following.state === undefined ? run.reason : reason, away || doing, stepsInOrder(following));
  };
  draw();
  const stop = followRun(
    id,
    (event) => {
      take(following, event);
      draw();
    },
    (connected) => {
      away = connected ? '' : 'the gateway does not answer; trying again';
      draw();
    },
  );
  return () => {
    stop();
    view.leave();
  };
}

async function showRuns(): Promise<Leave> {
  document.title = 'gapo';
  const show = async (): Promise<void> => main.replaceChildren(element('h2', {}, 'Runs'), runsTable(await fetchRuns()));
  await show();
  const timer = setInterval(() => void show().catch(showProblem), lookAgainMs);
  return () => clearInterval(timer);
}

function showProblem(error: unknown): void {
  main.replaceChildren(element('p', { class: 'problem' }, error instanceof Error ? error.message : String(error)));
}

async function listRuns(current: string): Promise<void> {
  const links = (await fetchRuns()).slice(0, 8).map(({ id }) => {
    const attributes = id === current ? { href: `#${id}`, 'aria-current': 'page' } : { href: `#${id}` };
    return element('a', attributes, id);
  });
  runsNav.replaceChildren(...links);
}

let leave: Leave = () => undefined;
let shown = 0;

/** Shows what the address asks for. */
async function route(): Promise<void> {
  const mine = ++shown;
  leave();
  leave = () => undefined;
  const id = decodeURIComponent(location.hash.slice(1));
  try {
    const next = await (id === '' ? showRuns() : showRun(id));
    // Another view was asked for while this one was fetched.
    if (mine === shown) leave = next;
    else next();
    await listRuns(id);
  } catch (error) {
    showProblem(error);
  }
}

const report = embeddedReport();
if (report === undefined) {
  addEventListener('hashchange', () => void route());
  void route();
} else {
  showReport(report);
}
