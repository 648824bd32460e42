/** Writes server-sent events (https://html.spec.whatwg.org/multipage/server-sent-events.html), no faster than they are read. */
import { once } from 'node:events';
import type { ServerResponse } from 'node:http';
import type { SentEvent } from './watchedEvents.js';

/** Interval of comments that keep proxies from closing an idle connection. */
const keepAliveMs = 15_000;

/** Delay before a browser reconnects, in milliseconds. */
const retryMs = 1000;

/** The bytes of events, which many readers receive. They last as long as the event. */
const encoded = new WeakMap<SentEvent, Buffer>();

/** Encodes an event, once for all readers. */
function encodeEvent(event: SentEvent): Buffer {
  const known = encoded.get(event);
  if (known !== undefined) return known;
  // JSON.stringify writes no line breaks: the data fit on one line.
  const id = event.id === undefined ? '' : `id: ${event.id}\n`;
  const bytes = Buffer.from(`${id}data: ${JSON.stringify(event)}\n\n`);
  encoded.set(event, bytes);
  return bytes;
}

/** Sends events until there are no more or the reader disconnects, then ends the response. */
export async function sendEvents(
  response: ServerResponse,
  events: AsyncIterable<SentEvent>,
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
    for await (const event of events) {
      if (signal.aborted) return;
      if (!response.write(encodeEvent(event))) await once(response, 'drain', { signal });
    }
  } catch (error) {
    if (!signal.aborted) throw error;
  } finally {
    clearInterval(keepAlive);
    response.end();
  }
}
