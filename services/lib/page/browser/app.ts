/** The page: the view that the address names, of all runs or of one. */
import { addressOf, linkTo, type Address } from '#page/address.js';
import { AuditView } from '#page/audit.js';
import { CompareView } from '#page/compare.js';
import type { ReportContent } from '#page/data.js';
import { EvaluationView } from '#page/evaluation.js';
import {
  embeddedReport,
  fetchPlane,
  fetchRun,
  fetchRuns,
  fetchSample,
  fetchSamples,
  fetchSeries,
  fetchStep,
  logIn,
  LoginNeeded,
} from '#page/feed.js';
import { element } from '#page/format.js';
import { LiveRun, type ShownRun } from '#page/liveRun.js';
import { Overview } from '#page/overview.js';
import { PlaneView } from '#page/plane.js';
import { RunPage, type RunViews } from '#page/runPage.js';
import { mostCompared, RunsView } from '#page/runsView.js';
import { SamplesView, type SampleSource } from '#page/samples.js';
import { SteerView } from '#page/steer.js';
import { auditSection, evaluationSection } from '#page/tables.js';
import { messageOf, problemText } from '#page/view.js';
import { WhyView } from '#page/why.js';

const main = document.getElementById('main') as HTMLElement;
const runsNav = document.getElementById('runs') as HTMLElement;

/** What is shown: it can show another view of the same run, and releases what it holds. */
interface Shown {
  /** The run; undefined for all of them. */
  readonly run: string | undefined;
  readonly open?: (address: Address) => void;
  readonly leave: () => void;
}

/** Reads the step of an address; undefined where it has none. */
function stepIn({ step = '' }: Readonly<Record<string, string>>): number | undefined {
  return /^[1-9]\d{0,14}$/.test(step) ? Number(step) : undefined;
}

/** Shows the run of a report, without a server. */
function showReport({ run, curves, conflicts, details, evaluation, audit }: ReportContent): void {
  const last = details.at(-1)?.step;
  const shown: ShownRun = { run, curves, last, state: run.state, reason: run.reason, doing: '', scored: new Map() };
  const overview = (): Overview => {
    const view = new Overview(shown);
    if (evaluation !== undefined) view.append(evaluationSection(evaluation));
    if (audit !== undefined) view.append(auditSection(audit));
    if (run.checkpoint !== '') view.append(element('p', {}, 'Checkpoint: ', element('code', {}, run.checkpoint)));
    view.append(element('p', { class: 'quiet' }, 'Version: ', element('code', {}, `sha256 ${run.versionSha256}`)));
    return view;
  };
  const step = (number: number) => {
    const found = details.findLast(({ step: { step } }) => step <= number);
    return found === undefined ? Promise.reject(new Error(`the report has no step ${number}`)) : Promise.resolve(found);
  };
  const why = { step, conflicts: () => Promise.resolve(conflicts) };
  const page = new RunPage(
    shown,
    {
      '': { title: 'Overview', open: overview },
      why: { title: 'Why this direction', open: (query) => new WhyView(shown, why, stepIn(query)) },
    },
    main,
  );
  const open = (): void => {
    const { view, query } = addressOf(location.hash);
    page.open(view, query);
  };
  addEventListener('hashchange', open);
  open();
}

const sampleSource: SampleSource = {
  page: fetchSamples,
  tokens: (run) => (sample) => fetchSample(run, sample),
  runs: fetchRuns,
};

function viewsOf(live: LiveRun): RunViews {
  const { id } = live;
  const why = { step: (step: number) => fetchStep(id, step), conflicts: () => fetchSeries(id, 'conflicts') };
  return {
    '': { title: 'Overview', stays: true, open: () => new Overview(live, (range) => fetchSeries(id, 'curves', range)) },
    why: { title: 'Why this direction', open: (query) => new WhyView(live, why, stepIn(query)) },
    samples: {
      title: 'Samples',
      open: (query) => new SamplesView(live, sampleSource, query),
    },
    evaluation: { title: 'Evaluation', open: () => new EvaluationView(live) },
    steer: { title: 'Steer', open: () => new SteerView(live) },
    audit: { title: 'Audit', open: () => new AuditView(id) },
  };
}

async function showRun(address: Address): Promise<Shown> {
  const live = await LiveRun.open(address.run);
  const page = new RunPage(live, viewsOf(live), main);
  live.onChange((event) => page.changed(event));
  page.open(address.view, address.query);
  return {
    run: address.run,
    open: ({ view, query }) => page.open(view, query),
    leave: () => {
      live.leave();
      page.leave();
    },
  };
}

/** The views of all runs, by the name in their address. */
const titles: Readonly<Record<string, string>> = { '': 'Runs', pareto: 'Pareto plane', compare: 'Compare runs' };

/** Shows a view of all runs below the links to the others. */
function showAll(view: string, content: HTMLElement): void {
  document.title = view === '' ? 'gapo' : `gapo: ${titles[view] ?? ''}`;
  const links = ['', 'pareto'].map((name) => {
    const current = name === view ? { 'aria-current': 'page' } : undefined;
    return element('a', { href: linkTo({ view: name }), ...current }, titles[name] ?? '');
  });
  const tabs = element('nav', { class: 'tabs', 'aria-label': 'Views of all runs' }, ...links);
  main.replaceChildren(tabs, element('h2', {}, titles[view] ?? ''), content);
}

async function showRuns(query: Address['query']): Promise<Shown> {
  const view = new RunsView(fetchRuns, query, showProblem);
  showAll('', view.element);
  return loaded(view);
}

async function showPlane(query: Address['query']): Promise<Shown> {
  const view = new PlaneView(fetchPlane, query);
  showAll('pareto', view.element);
  return loaded(view);
}

/** Loads a view of all runs. @throws what its load throws; the view is then left */
async function loaded(view: { load(): Promise<void>; leave(): void }): Promise<Shown> {
  const leave = (): void => view.leave();
  try {
    await view.load();
  } catch (error) {
    leave();
    throw error;
  }
  return { run: undefined, leave };
}

async function showComparison({ runs = '' }: Address['query']): Promise<Shown> {
  const content = element('div');
  showAll('compare', content);
  const ids = runs.split(',').filter((id) => id !== '');
  const compared = ids
    .slice(0, mostCompared)
    .map(async (id) => ({ run: await fetchRun(id), series: await fetchSeries(id, 'curves') }));
  const view = new CompareView(await Promise.all(compared));
  content.append(view.element);
  return { run: undefined, leave: () => view.leave() };
}

function showView(address: Address): Promise<Shown> {
  if (address.run !== '') return showRun(address);
  if (address.view === 'pareto') return showPlane(address.query);
  return address.view === 'compare' ? showComparison(address.query) : showRuns(address.query);
}

function showLogin(problem: string): void {
  document.title = 'gapo: log in';
  runsNav.replaceChildren();
  const token = element('input', { type: 'password', 'aria-label': 'Token', autocomplete: 'off' });
  const form = element('form', { class: 'login' }, token, element('button', {}, 'Log in'));
  form.addEventListener('submit', (event) => {
    event.preventDefault();
    logIn(token.value.trim()).then(
      () => void route(),
      (error: unknown) => showLogin(messageOf(error)),
    );
  });
  main.replaceChildren(element('h2', {}, 'Log in with a token'), form, problemText(problem));
  token.focus();
}

function showProblem(error: unknown): void {
  if (error instanceof LoginNeeded) showLogin('');
  else main.replaceChildren(problemText(messageOf(error)));
}

async function listRuns(current: string): Promise<void> {
  const links = (await fetchRuns()).slice(0, 8).map(({ id }) => {
    const attributes = id === current ? { href: `#${id}`, 'aria-current': 'page' } : { href: `#${id}` };
    return element('a', attributes, id);
  });
  runsNav.replaceChildren(...links);
}

let shown: Shown | undefined;
let asked = 0;

/** Shows the view that the address names. */
async function route(): Promise<void> {
  const mine = ++asked;
  const address = addressOf(location.hash);
  if (address.run !== '' && shown?.run === address.run) return shown.open?.(address);
  shown?.leave();
  shown = undefined;
  main.setAttribute('aria-busy', 'true');
  if (main.childElementCount === 0) main.replaceChildren(element('p', { class: 'quiet' }, 'Loading…'));
  try {
    const next = await showView(address);
    // Another view may have been requested while this one was fetched.
    if (mine === asked) shown = next;
    else next.leave();
    await listRuns(address.run);
  } catch (error) {
    if (mine === asked) showProblem(error);
  } finally {
    main.removeAttribute('aria-busy');
  }
}

const report = embeddedReport();
if (report === undefined) {
  addEventListener('hashchange', () => void route());
  void route();
} else {
  showReport(report);
}
