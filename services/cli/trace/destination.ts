/**
 * Where the traces of a run went, if not into its file: according to the OTEL_* variables, unless the services' logs say
 * otherwise.
 */
import { existsSync, readFileSync } from 'node:fs';
import { exportWarning, withoutCredentials } from '@gapo/service';
import { otlpEndpoint, otlpProblem, telemetryWanted } from '@gapo/tracing';

/** A service and the path of its log. */
interface Logged {
  readonly name: string;
  readonly log?: string | undefined;
}

/** Whether any OTEL_* variable is set. The environment then decides where traces go. */
export function otelConfigured(env: NodeJS.ProcessEnv = process.env): boolean {
  return Object.keys(env).some((name) => name.startsWith('OTEL_') && env[name] !== '');
}

/**
 * Describes where traces went.
 *
 * @param services the services that exported them, with the logs of this run
 */
export function otelDestination(services: readonly Logged[], env: NodeJS.ProcessEnv = process.env): string {
  const off =
    env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true' || env['OTEL_TRACES_EXPORTER']?.trim() === 'none';
  if (off) return 'off (set by OTEL_*)';
  if (!telemetryWanted(env)) return 'off: OTEL_* names no endpoint';
  const problem = otlpProblem(env);
  if (problem !== undefined) return `off: ${problem}`;
  const failed = services.flatMap(({ name, log }) => {
    const warning = log === undefined ? undefined : lastWarning(log);
    return warning === undefined ? [] : [{ name, warning }];
  });
  const [first] = failed;
  if (first !== undefined) {
    const others =
      failed.length === 1
        ? ''
        : ` (also of ${failed
            .slice(1)
            .map(({ name }) => name)
            .join(', ')})`;
    return `not all sent: ${first.name}${others}: ${first.warning}`;
  }
  const endpoint = otlpEndpoint(env);
  if (endpoint === undefined) return `exported by ${env['OTEL_TRACES_EXPORTER'] ?? ''} (set by OTEL_*)`;
  return `sent to ${withoutCredentials(endpoint)} (set by OTEL_*)`;
}

/** Returns the last warning in a log about traces that were not exported. */
function lastWarning(path: string): string | undefined {
  if (!existsSync(path)) return undefined;
  const text = readFileSync(path, 'utf8');
  const at = text.lastIndexOf(exportWarning);
  if (at === -1) return undefined;
  const line = text.slice(text.lastIndexOf('\n', at) + 1).split('\n', 1)[0] ?? '';
  try {
    return String((JSON.parse(line) as { message?: unknown }).message);
  } catch {
    return line;
  }
}
