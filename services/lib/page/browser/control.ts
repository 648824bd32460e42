/** Changes of runs, as the gateway takes them, and who may make them. */
import type {
  ChangeObjectivesResponseJson,
  EvaluateRunResponseJson,
  EvaluationReportJson,
  ListEvaluationsResponseJson,
  ProgressJson,
  RunJson,
  SetPreferenceResponseJson,
} from '@gapo/rpc/json';
import type { AuditTrail } from '#page/data.js';
import { answerOf, getJson, runPath } from '#page/feed.js';

/** What the person who looks at the page may do. */
export interface Caller {
  /** Empty where calls need no token. */
  name: string;
  role: string;
  mayChange: boolean;
  /** Why they may not change runs; empty where they may. */
  why: string;
}

/** An objective to add. */
export interface NewObjective {
  name: string;
  service?: string;
}

/** Returns who looks at the page. */
export function fetchCaller(): Promise<Caller> {
  return getJson<Caller>('/api/caller');
}

/** Returns what people did to a run. */
export function fetchAudit(id: string): Promise<AuditTrail> {
  return getJson<AuditTrail>(`${runPath(id)}/audit`);
}

/** Returns the results of a run's evaluations, by version. */
export async function fetchEvaluations(id: string): Promise<EvaluationReportJson[]> {
  return (await getJson<ListEvaluationsResponseJson>(`${runPath(id)}/evaluations`)).reports;
}

/** What to evaluate. */
export interface EvaluationOptions {
  /** The newest version where undefined. */
  version: number | undefined;
  /** Prompts whose completions come with the result. */
  samples: number;
  /** Shares of the stated preference, by objective; empty if none is stated. */
  preference: Readonly<Record<string, number>>;
  /** Ends the evaluation. */
  signal: AbortSignal;
}

/**
 * Evaluates a version of a run on its held-out prompts.
 *
 * @param onProgress observes its progress
 * @throws Error with the gateway's message
 */
export async function evaluate(
  id: string,
  { version, signal, ...options }: EvaluationOptions,
  onProgress: (progress: ProgressJson) => void,
): Promise<EvaluationReportJson> {
  const path = `${runPath(id)}/evaluations`;
  const response = await request('POST', path, { ...options, ...(version !== undefined && { version }) }, signal);
  if (!response.ok || response.body === null) return answerOf(path, response);
  let text = '';
  let report: EvaluationReportJson | undefined;
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader();
  for (let part = await reader.read(); !part.done; part = await reader.read()) {
    const lines = (text + part.value).split('\n');
    text = lines.pop() ?? '';
    for (const line of lines) {
      if (line === '') continue;
      const event = JSON.parse(line) as EvaluateRunResponseJson & { error?: string };
      if (event.error !== undefined) throw new Error(event.error);
      if (event.progress) onProgress(event.progress);
      if (event.report) report = event.report;
    }
  }
  if (report === undefined) throw new Error('the evaluation ended without a result: evaluate again');
  return report;
}

function request(method: 'POST' | 'PUT', path: string, body: object, signal?: AbortSignal): Promise<Response> {
  const headers = { accept: 'application/json', 'content-type': 'application/json' };
  return fetch(path, { method, headers, body: JSON.stringify(body), ...(signal && { signal }) });
}

async function send<T>(method: 'POST' | 'PUT', path: string, body: object): Promise<T> {
  return answerOf<T>(path, await request(method, path, body));
}

/** Pauses, resumes or cancels a run. */
export async function control(id: string, verb: 'pause' | 'resume' | 'cancel'): Promise<RunJson> {
  return (await send<{ run: RunJson }>('POST', `${runPath(id)}/${verb}`, {})).run;
}

/** Changes a run's preference from its next step on. */
export function prefer(id: string, preference: Readonly<Record<string, number>>): Promise<SetPreferenceResponseJson> {
  return send('PUT', `${runPath(id)}/preference`, { preference });
}

/** Adds and removes objectives from the next step on. */
export function changeObjectives(
  id: string,
  change: { add?: NewObjective[]; remove?: string[]; preference?: Readonly<Record<string, number>> },
): Promise<ChangeObjectivesResponseJson> {
  return send('POST', `${runPath(id)}/objectives`, change);
}

/** Checks whether runs can be averaged. @throws Error with the reason where they cannot */
export async function checkSoup(ingredients: Readonly<Record<string, number>>): Promise<void> {
  await send('POST', '/api/soups/check', { ingredients });
}
