/** Writing server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html) no faster than they are read. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { SentEvent } from './watchedEvents.js';

/** Proxies end connections on which nothing is said. */
const sayEveryMs = 15_000;

/** How long a browser waits before it connects again, in milliseconds. */
const retryMs = 1000;

/** One event as its lines. */
export function encodeEvent(event: SentEvent): string {
  // JSON has no line breaks of its own: one data line holds it.
  const id = event.id === undefined ? '' : `id: ${event.id}\n`;
  return `${id}data: ${JSON.stringify(event)}\n\n`;
}

/** Sends events until there are no more or the reader is gone; then ends the response. */
export async function sendEvents(
  response: ServerResponse,
  events: AsyncIterable<SentEvent>,
  signal: AbortSignal,
): Promise<void> {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    // Proxies such as nginx would keep the events together.
    'x-accel-buffering': 'no',
  });
  response.write(`retry: ${retryMs}\n\n`);
  const saying = setInterval(() => response.write(': still here\n\n'), sayEveryMs);
  try {
    for await (const event of events) {
      if (signal.aborted) return;
      if (!response.write(encodeEvent(event))) await once(response, 'drain', { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    clearInterval(saying);
    response.end();
  }
}
