/**
 * Loaded before a service: `node --import ./services/lib/tracing/dist/preload.js services/X/dist/main.js`.
 * Turns tracing on where the standard OTEL_* variables ask for it, and costs nothing where they do not.
 *
 * It must run before anything imports grpc-js: ES modules cannot be patched once linked, so a loader hook
 * (https://github.com/open-telemetry/opentelemetry-js/blob/main/doc/esm-support.md) wraps the ones instrumented.
 */
import { register } from 'node:module';
import { isMainThread } from 'node:worker_threads';
import { startSdk, telemetryWanted } from './sdk.js';

// Worker threads inherit --import; their work is traced by the thread that gives it to them.
if (isMainThread && telemetryWanted()) {
  // Only the instrumented module goes through the hook; wrapping every module would slow the start and the stacks.
  register('@opentelemetry/instrumentation/hook.mjs', import.meta.url, { data: { include: ['@grpc/grpc-js'] } });
  await startSdk();
}
