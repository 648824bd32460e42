/** Where the page's data come from: the gateway that served it, or the data inside a report. */
import type {
  GetRunResponseJson,
  GetSampleResponseJson,
  ListRunsResponseJson,
  ListSamplesResponseJson,
  RunEventJson,
  RunJson,
  SampleJson,
} from '@gapo/rpc/json';
import type { Plane, ReportContent, StepDetail } from '#page/data.js';
import type { Series, SeriesKind } from '#page/series.js';

/** Returns the data inside this file; undefined where a server sent the page. */
export function embeddedReport(): ReportContent | undefined {
  const text = document.getElementById('gapo-report')?.textContent;
  return text === undefined ? undefined : (JSON.parse(text) as ReportContent);
}

/** The gateway shows runs only to people who have logged in. */
export class LoginNeeded extends Error {}

/** Returns the path of a run in the gateway's API. */
export function runPath(id: string): string {
  return `/api/runs/${encodeURIComponent(id)}`;
}

/**
 * Reads from the gateway.
 *
 * @throws LoginNeeded where it needs a token, Error with its message otherwise
 */
export async function getJson<T>(path: string): Promise<T> {
  return answerOf<T>(path, await fetch(path, { headers: { accept: 'application/json' } }));
}

/** Returns the JSON of a response. @throws as {@link getJson} */
export async function answerOf<T>(path: string, response: Response): Promise<T> {
  const body = (await response.json()) as T & { error?: string };
  if (response.status === 401) throw new LoginNeeded(body.error);
  if (!response.ok) throw new Error(body.error ?? `${path} answered ${response.status}`);
  return body;
}

/**
 * Logs in. The browser keeps the token where no script can read it.
 *
 * @throws Error with the gateway's message if the token is not accepted
 */
export async function logIn(token: string): Promise<void> {
  const response = await fetch('/api/session', { method: 'POST', headers: { authorization: `Bearer ${token}` } });
  if (response.ok) return;
  const { error } = (await response.json()) as { error?: string };
  throw new Error(error ?? `the gateway answered ${response.status}`);
}

/** Returns every run, newest first. */
export async function fetchRuns(): Promise<RunJson[]> {
  return (await getJson<ListRunsResponseJson>('/api/runs')).runs;
}

/**
 * Returns one run.
 *
 * @throws Error with the gateway's message where there is no such run
 */
export async function fetchRun(id: string): Promise<RunJson> {
  const { run } = await getJson<GetRunResponseJson>(runPath(id));
  if (run === undefined) throw new Error(`there is no run ${id}`);
  return run;
}

/** Returns a run's steps as columns, thinned by the gateway. @param range from one step to another; all without it */
export async function fetchSeries(id: string, kind: SeriesKind, range?: readonly [number, number]): Promise<Series> {
  const query = new URLSearchParams({ kind, ...(range && { from: String(range[0]), to: String(range[1]) }) });
  return getJson<Series>(`${runPath(id)}/series?${query}`);
}

/** Returns the evaluated versions of all runs in the plane of two objectives. @param choice x, y and set */
export async function fetchPlane(choice: Readonly<Record<string, string>>): Promise<Plane> {
  return getJson<Plane>(`/api/plane?${new URLSearchParams(choice)}`);
}

/** Returns a page of the completions that a run keeps. @param settings parameters of the gateway's API */
export async function fetchSamples(
  id: string,
  settings: Readonly<Record<string, string>>,
): Promise<ListSamplesResponseJson> {
  return getJson<ListSamplesResponseJson>(`${runPath(id)}/samples?${new URLSearchParams(settings)}`);
}

/** Returns one of those completions, with its tokens. */
export async function fetchSample(id: string, { step, prompt, sample }: SampleJson): Promise<SampleJson> {
  const answer = await getJson<GetSampleResponseJson>(`${runPath(id)}/samples/${step}/${prompt}/${sample}`);
  if (answer.sample === undefined) throw new Error("the coordinator's response has no completion");
  return answer.sample;
}

/** Returns one step, and why it took its direction. */
export async function fetchStep(id: string, step: number): Promise<StepDetail> {
  return getJson<StepDetail>(`${runPath(id)}/steps/${step}`);
}

/**
 * Follows a run's events. After a lost connection the browser reconnects and resumes where it was.
 *
 * @param after the last step that the page has; events from then on are sent
 * @param take receives each event, with its number among the run's events; undefined where it does not come from NATS
 * @param onConnection observes whether the connection is open
 * @returns a function that stops following
 */
export function followRun(
  id: string,
  after: number,
  take: (event: RunEventJson, sequence: number | undefined) => void,
  onConnection: (open: boolean) => void,
): () => void {
  const source = new EventSource(`${runPath(id)}/events?afterStep=${after}`);
  source.addEventListener('open', () => onConnection(true));
  source.addEventListener('error', () => onConnection(false));
  source.addEventListener('message', (message) => {
    const { type, data, sequence } = JSON.parse(String(message.data)) as {
      type: string;
      data: unknown;
      sequence?: string;
    };
    take({ [type.slice('gapo.v1.'.length)]: data }, sequence === undefined ? undefined : Number(sequence));
  });
  return () => source.close();
}
