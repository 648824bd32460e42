/** When a server asks a client to come back: https://www.rfc-editor.org/rfc/rfc9110#field.retry-after. Pure. */

/** The parts of response headers that are read. */
export interface HeaderReader {
  get(name: string): string | null;
}

/**
 * Returns how long a server asks to wait, in milliseconds; undefined if it does not say, or asks for no wait. Reads
 * `Retry-After` in seconds or as a date, and `retry-after-ms` as OpenAI sends it. Dates are compared with the server's own.
 */
export function waitOf(headers: HeaderReader, now: number): number | undefined {
  const exact = decimal(headers.get('retry-after-ms'));
  if (exact !== undefined) return exact > 0 ? exact : undefined;
  const value = headers.get('retry-after')?.trim() ?? '';
  const seconds = decimal(value);
  if (seconds !== undefined) return seconds > 0 ? 1000 * seconds : undefined;
  const date = httpDate(value);
  if (date === undefined) return undefined;
  const wait = date - (httpDate(headers.get('date') ?? '') ?? now);
  return wait > 0 ? wait : undefined;
}

function decimal(text: string | null): number | undefined {
  return text !== null && /^\s*\d{1,12}(\.\d{1,9})?\s*$/.test(text) ? Number(text) : undefined;
}

/** HTTP dates begin with a day's name. Other texts that Date accepts are no dates here. */
function httpDate(text: string): number | undefined {
  const time = /^(Mon|Tue|Wed|Thu|Fri|Sat|Sun)/.test(text) ? Date.parse(text) : NaN;
  return Number.isNaN(time) ? undefined : time;
}
