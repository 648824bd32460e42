/**
 * A health check of a service: `node probe.mjs [HOST:PORT]`, by default LISTEN_HEALTH. Exits with 0 if the server is SERVING.
 *
 * Engines run it again and again, so it imports nothing but Node's HTTP/2: one call of grpc.health.v1 is one message of five
 * bytes, and an answer of seven.
 */
import { connect, constants } from 'node:http2';
import { setTimeout } from 'node:timers';

const address =
  process.argv[2] ?? process.env.LISTEN_HEALTH ?? fail('neither an argument nor LISTEN_HEALTH names an address');
const deadlineMs = 5000;

function fail(why) {
  console.error(`unhealthy: ${why}`);
  process.exit(1);
}

/** Not compressed (0), no bytes (0, as 32 bits): the empty message, which asks for the whole server. */
const request = Buffer.alloc(5);
/** HealthCheckResponse with its only field, status (1), at SERVING (1). */
const serving = Buffer.from([0, 0, 0, 0, 2, 0x08, 0x01]);

setTimeout(() => fail(`${address} did not answer within ${deadlineMs} ms`), deadlineMs).unref();
const session = connect(`http://${address.replace(/^(0\.0\.0\.0|\[::\])(?=:)/, 'localhost')}`);
session.on('error', (error) => fail(`${address}: ${error.message}`));
const call = session.request({
  [constants.HTTP2_HEADER_METHOD]: 'POST',
  [constants.HTTP2_HEADER_PATH]: '/grpc.health.v1.Health/Check',
  [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
  [constants.HTTP2_HEADER_TE]: 'trailers',
});
const answer = [];
call.on('data', (part) => answer.push(part));
call.on('error', (error) => fail(`${address}: ${error.message}`));
call.on('end', () => {
  if (!Buffer.concat(answer).equals(serving)) fail(`${address} is not serving`);
  session.close();
});
call.end(request);
