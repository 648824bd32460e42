/** Where the page's data come from: the gateway that served it, or the data inside a report. */
import type {
  EvaluationReportJson,
  GetRunResponseJson,
  ListRunsResponseJson,
  RunEventJson,
  RunJson,
  StepReportJson,
} from '@gapo/rpc/json';

/** A change that a person made to a run, from its audit log. */
export interface AuditRow {
  /** RFC 3339. */
  time: string;
  action: string;
  /** By whom: a name, and the role of their token if calls need one. */
  by: { name: string; role?: string | undefined; peer: string; identity?: string | undefined };
  before: Readonly<Record<string, unknown>>;
  after: Readonly<Record<string, unknown>>;
}

/** What people did to a run. */
export interface AuditTrail {
  entries: readonly AuditRow[];
  /** What is wrong with the log; undefined if it is as it was written. */
  problem?: string | undefined;
}

/** Everything that the page shows of one run: the data inside a report. */
export interface ReportData {
  run: RunJson;
  steps: StepReportJson[];
  evaluation?: EvaluationReportJson;
  audit?: AuditTrail;
}

/** Returns the data inside this file; undefined where a server sent the page. */
export function embeddedReport(): ReportData | undefined {
  const text = document.getElementById('gapo-report')?.textContent;
  return text === undefined ? undefined : (JSON.parse(text) as ReportData);
}

async function getJson<T>(path: string): Promise<T> {
  const response = await fetch(path, { headers: { accept: 'application/json' } });
  const body = (await response.json()) as T & { error?: string };
  if (response.status === 401) throw new LoginNeeded(body.error);
  if (!response.ok) throw new Error(body.error ?? `${path} answered ${response.status}`);
  return body;
}

/** The gateway shows runs only to people who have logged in. */
export class LoginNeeded extends Error {}

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
  const { run } = await getJson<GetRunResponseJson>(`/api/runs/${encodeURIComponent(id)}`);
  if (run === undefined) throw new Error(`there is no run ${id}`);
  return run;
}

/**
 * Follows a run's events from the first on. After a lost connection the browser reconnects and resumes where it was.
 *
 * @param take receives each event, with its number among the run's events; undefined where it does not come from NATS
 * @param onConnection observes whether the connection is open
 * @returns a function that stops following
 */
export function followRun(
  id: string,
  take: (event: RunEventJson, sequence: number | undefined) => void,
  onConnection: (open: boolean) => void,
): () => void {
  const source = new EventSource(`/api/runs/${encodeURIComponent(id)}/events`);
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
