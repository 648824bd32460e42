// What `helm test` runs: asks the gateway whether it reaches the coordinator and the server of the events.
import { readFileSync } from 'node:fs';
import { get as getHttp } from 'node:http';
import { get as getHttps } from 'node:https';
import { setTimeout } from 'node:timers/promises';

const { GATEWAY, EVENTS, CA_FILE } = process.env;

/** Returns the gateway's health. */
function health() {
  const url = new URL('/healthz', GATEWAY);
  // A certificate of the release's authority is enough: its names are not those of every Service.
  const tls = CA_FILE && { ca: readFileSync(CA_FILE), checkServerIdentity: () => undefined };
  return new Promise((resolve, reject) => {
    const request = (tls ? getHttps : getHttp)(
      url,
      { ...tls, headers: { host: 'localhost' }, timeout: 5000 },
      (response) => {
        let body = '';
        response.on('data', (part) => (body += part));
        response.on('end', () => {
          if (response.statusCode === 200) resolve(JSON.parse(body));
          else reject(new Error(`${url} answered ${response.statusCode}: ${body}`));
        });
      },
    );
    request.on('timeout', () => request.destroy(new Error(`${url} did not answer within 5 seconds`)));
    request.on('error', reject);
  });
}

/** Returns what is wrong, or undefined. */
async function problem() {
  try {
    const { coordinator, events } = await health();
    if (coordinator !== 'SERVING') return `the gateway finds the coordinator ${coordinator}`;
    if (events.transport !== EVENTS) return `events are ${events.transport}, not ${EVENTS}`;
    if (EVENTS === 'nats' && !events.connected) return 'the gateway is not connected to NATS';
    return undefined;
  } catch (error) {
    return error.message;
  }
}

// A release that was installed just now has a minute to find itself.
const end = Date.now() + 60_000;
for (;;) {
  const wrong = await problem();
  if (wrong === undefined) break;
  if (Date.now() > end) {
    console.error(wrong);
    process.exit(1);
  }
  await setTimeout(2000);
}
console.log(`the gateway answers and reaches the coordinator; events: ${EVENTS}`);
