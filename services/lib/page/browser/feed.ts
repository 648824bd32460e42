/** Where the page's data comes from: the gateway it was loaded from, or the data inside a report. */
import type { PageEvent, ReportData, RunData } from '#page/data.js';

/** The data inside this file; undefined where a server sent the page. */
export function embeddedReport(): ReportData | undefined {
  const text = document.getElementById('gapo-report')?.textContent;
  return text === undefined ? undefined : (JSON.parse(text) as ReportData);
}

async function getJson<T>(path: string): Promise<T> {
  const response = await fetch(path, { headers: { accept: 'application/json' } });
  const body = (await response.json()) as T & { error?: string };
  if (!response.ok) throw new Error(body.error ?? `${path} answered ${response.status}`);
  return body;
}

/** Every run, newest first. */
export async function fetchRuns(): Promise<RunData[]> {
  return (await getJson<{ runs: RunData[] }>('/api/runs')).runs;
}

/** One run. */
export async function fetchRun(id: string): Promise<RunData> {
  return (await getJson<{ run: RunData }>(`/api/runs/${encodeURIComponent(id)}`)).run;
}

/**
 * Follows a run's events from the first on. The browser connects again after a loss, from where it was.
 *
 * @param connected told whether the connection stands
 * @returns what ends it
 */
export function followRun(id: string, take: (event: PageEvent) => void, connected: (yes: boolean) => void): () => void {
  const source = new EventSource(`/api/runs/${encodeURIComponent(id)}/events`);
  source.addEventListener('open', () => connected(true));
  source.addEventListener('error', () => connected(false));
  source.addEventListener('message', ({ data }) => take(JSON.parse(String(data)) as PageEvent));
  return () => source.close();
}
