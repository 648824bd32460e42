/** Writes server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), no faster than they are read. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import { underSignals } from '@gapo/rpc';
import type { SentEvent } from './watchedEvents.js';

/** Interval of comments that keep proxies from closing an idle connection. */
const keepAliveMs = 15_000;

/** Delay before a browser reconnects, in milliseconds. */
const retryMs = 1000;

/** Encoded events, shared by many readers. They live as long as the array. */
const encoded = new WeakMap<readonly SentEvent[], Buffer>();

/** Encodes events, once for all readers of the same array. */
function encodeEvents(events: readonly SentEvent[]): Buffer {
  const known = encoded.get(events);
  if (known !== undefined) return known;
  const bytes = Buffer.from(events.map(textOf).join(''));
  encoded.set(events, bytes);
  return bytes;
}

function textOf(event: SentEvent): string {
  // JSON.stringify writes no line breaks, so the data fit on one line.
  const id = event.id === undefined ? '' : `id: ${event.id}\n`;
  return `${id}data: ${JSON.stringify(event)}\n\n`;
}

/**
 * How long a reader may accept no data before it is disconnected. It then reconnects and resumes where it left off.
 */
const drainMs = 60_000;

/**
 * Waits until the reader has accepted what was written. @throws AbortError if it accepts nothing, or the signal
 * aborts
 */
async function drained(response: ServerResponse, signal: AbortSignal): Promise<void> {
  try {
    await underSignals([signal, AbortSignal.timeout(drainMs)], (either) => once(response, 'drain', { signal: either }));
  } catch (error) {
    // No more of it can be sent, and `end` would wait for the reader.
    if (!signal.aborted) response.destroy();
    throw error;
  }
}

/** Sends events until there are no more or the reader disconnects, then ends the response. */
export async function sendEvents(
  response: ServerResponse,
  batches: AsyncIterable<readonly SentEvent[]>,
  signal: AbortSignal,
): Promise<void> {
  response.writeHead(200, {
    'content-type': 'text/event-stream; charset=utf-8',
    'cache-control': 'no-store',
    // Keeps proxies such as nginx from buffering the events.
    'x-accel-buffering': 'no',
  });
  response.write(`retry: ${retryMs}\n\n`);
  const keepAlive = setInterval(() => response.write(': keep-alive\n\n'), keepAliveMs);
  try {
    for await (const events of batches) {
      if (signal.aborted) return;
      if (!response.write(encodeEvents(events))) await drained(response, signal);
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    clearInterval(keepAlive);
    response.end();
  }
}
