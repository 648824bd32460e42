/** The page: a list of runs, or one run with its charts. The fragment of the address is the run's id. */
import type { RunJson, StepReportJson } from '@gapo/rpc/json';
import { stateWord } from '@gapo/rpc/runState';
import { Charts } from '#page/charts.js';
import { embeddedReport, fetchRun, fetchRuns, followRun, logIn, LoginNeeded, type ReportData } from '#page/feed.js';
import { duration, element, fixed, significant, unknown } from '#page/format.js';
import { missingText, nothingYet, recoveryText, stepsInOrder, take } from '#page/progress.js';
import { auditSection, evaluationSection, objectivesTable, runsTable, stateBadge } from '#page/tables.js';

const main = document.getElementById('main') as HTMLElement;
const runsNav = document.getElementById('runs') as HTMLElement;

/** How often the list of runs is refreshed. */
const refreshMs = 5000;

/** How often a paused run is fetched, to show what it waits for. */
const waitMs = 1000;

/** Releases what a view holds. */
type Leave = () => void;

/** The view of one run. */
class RunView {
  readonly #run: RunJson;
  readonly #charts = new Charts();
  readonly #title = element('h2');
  readonly #bar = element('progress', { 'aria-label': 'Steps taken' });
  readonly #doing = element('p', { class: 'quiet' });
  readonly #facts = element('dl', { class: 'facts' });
  readonly #last = element('div');
  #frame = 0;

  constructor(run: RunJson) {
    this.#run = run;
    main.replaceChildren(this.#title, this.#bar, this.#doing, this.#facts, this.#charts.element, this.#last);
  }

  /** Shows the run as it is now. Several calls within a frame draw once. */
  show(state: string, reason: string, doing: string, steps: readonly StepReportJson[]): void {
    cancelAnimationFrame(this.#frame);
    this.#frame = requestAnimationFrame(() => this.#draw(state, reason, doing, steps));
  }

  append(section: HTMLElement): void {
    main.append(section);
  }

  leave(): void {
    cancelAnimationFrame(this.#frame);
    this.#charts.destroy();
  }

  #draw(state: string, reason: string, doing: string, steps: readonly StepReportJson[]): void {
    const { id, method, totalSteps } = this.#run;
    const last = steps.at(-1);
    const step = last?.step ?? this.#run.step;
    this.#title.replaceChildren(`${id} `, stateBadge(state), reason === '' ? '' : ` ${reason}`);
    this.#bar.max = Math.max(totalSteps, 1);
    this.#bar.value = step;
    this.#doing.textContent = doing;
    const running = state === 'RUN_STATE_RUNNING' && step < totalSteps;
    const reused = steps.some(({ weightsAge }) => weightsAge > 0);
    const checked = steps.findLast(({ approximationDegrees }) => approximationDegrees !== undefined);
    const facts: [string, string][] = [
      ['step', `${step} of ${totalSteps}`],
      ['method', method],
      ['time left', running ? duration(last?.etaSeconds) : unknown],
      ['KL', significant(last?.kl)],
      ['stationarity', significant(last?.stationarity)],
      ['tokens/s', last?.seconds ? fixed(last.tokens / last.seconds, 0) : unknown],
      ['seconds/step', fixed(last?.seconds, 2)],
      ['age of the weights', reused ? `${last?.weightsAge ?? 0} steps` : unknown],
      [
        'angle to the exact update',
        checked ? `${fixed(checked.approximationDegrees, 1)}° at step ${checked.step}` : unknown,
      ],
      ['trace', last?.traceId || unknown],
    ];
    this.#facts.replaceChildren(
      ...facts
        .filter(([, value]) => value !== unknown)
        .map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))),
    );
    this.#charts.show(steps);
    this.#last.replaceChildren(
      ...(last === undefined ? [] : [element('h2', {}, `Objectives at step ${last.step}`), objectivesTable(last)]),
    );
    // For tests, and for scripts that read the page.
    main.dataset['step'] = String(step);
    main.dataset['state'] = stateWord(state);
  }
}

function showReport({ run, steps, evaluation, audit }: ReportData): void {
  document.title = `gapo: ${run.id}`;
  const view = new RunView(run);
  view.show(run.state, run.reason, '', steps);
  if (evaluation !== undefined) view.append(evaluationSection(evaluation));
  if (audit !== undefined) view.append(auditSection(audit));
  if (run.checkpoint !== '') view.append(element('p', {}, 'Checkpoint: ', element('code', {}, run.checkpoint)));
  view.append(element('p', { class: 'quiet' }, 'Version: ', element('code', {}, `sha256 ${run.versionSha256}`)));
}

async function showRun(id: string): Promise<Leave> {
  const run = await fetchRun(id);
  document.title = `gapo: ${id}`;
  const view = new RunView(run);
  const following = nothingYet();
  let away = '';
  let waiting = recoveryText(run, Date.now());
  const draw = (): void => {
    const { to: state, reason } = following.state ?? { to: run.state, reason: run.reason };
    const doing = away || waiting || following.doing;
    view.show(state, reason, [doing, missingText(following)].filter(Boolean).join('. '), stepsInOrder(following));
  };
  draw();
  // No event says when the fault is checked again.
  const watchWait = async (): Promise<void> => {
    const state = following.state?.to ?? run.state;
    if (state !== 'RUN_STATE_PAUSED' && waiting === '') return;
    waiting = recoveryText(await fetchRun(id), Date.now());
    draw();
  };
  // A gateway that does not answer is said by the stream.
  const timer = setInterval(() => void watchWait().catch(() => undefined), waitMs);
  const stop = followRun(
    id,
    (event, sequence) => {
      take(following, event, sequence);
      draw();
    },
    (connected) => {
      away = connected ? '' : 'the gateway does not answer; retrying';
      draw();
    },
  );
  return () => {
    clearInterval(timer);
    stop();
    view.leave();
  };
}

async function showRuns(): Promise<Leave> {
  document.title = 'gapo';
  const show = async (): Promise<void> => main.replaceChildren(element('h2', {}, 'Runs'), runsTable(await fetchRuns()));
  await show();
  const timer = setInterval(() => void show().catch(showProblem), refreshMs);
  return () => clearInterval(timer);
}

/** Asks for a token, then shows what was asked for. */
function showLogin(problem: string): void {
  const token = element('input', { type: 'password', autocomplete: 'current-password', 'aria-label': 'Token' });
  const form = element('form', { class: 'login' }, token, element('button', {}, 'Log in'));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    logIn(token.value.trim()).then(
      () => void route(),
      (error: unknown) => showLogin(error instanceof Error ? error.message : String(error)),
    );
  });
  main.replaceChildren(element('h2', {}, 'Log in with a token'), form, element('p', { class: 'problem' }, problem));
  token.focus();
}

function showProblem(error: unknown): void {
  if (error instanceof LoginNeeded) {
    showLogin('');
    return;
  }
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

/** Shows the view that the address names. */
async function route(): Promise<void> {
  const mine = ++shown;
  leave();
  leave = () => undefined;
  const id = decodeURIComponent(location.hash.slice(1));
  try {
    const next = await (id === '' ? showRuns() : showRun(id));
    // Another view may have been requested while this one was fetched.
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
