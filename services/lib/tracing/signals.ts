/** The standard OTEL_* variables: which signals they ask for, where these go, and what is wrong with them. */

/** What a process can export. */
export const signals = ['traces', 'metrics', 'logs'] as const;

/** Traces, metrics or logs. */
export type Signal = (typeof signals)[number];

/** The ways to export over OTLP. */
const protocols = ['grpc', 'http/protobuf', 'http/json'] as const;

/** A protocol of OTLP. */
export type OtlpProtocol = (typeof protocols)[number];

const exporters: Readonly<Record<Signal, readonly string[]>> = {
  traces: ['otlp', 'console', 'zipkin', 'none', 'null'],
  metrics: ['otlp', 'console', 'none'],
  logs: ['otlp', 'console', 'none'],
};

/** The sampler of whole runs, as OTEL_TRACES_SAMPLER names it. */
export const runSamplerName = 'parentbased_rl_run_ratio';

const variable = (signal: Signal, what: string): string => `OTEL_${signal.toUpperCase()}_${what}`;
const otlpVariable = (signal: Signal, what: string): string => `OTEL_EXPORTER_OTLP_${signal.toUpperCase()}_${what}`;

/** A variable of several that is set. */
function firstSet(env: NodeJS.ProcessEnv, ...names: string[]): { name: string; value: string } | undefined {
  for (const name of names) {
    const value = env[name]?.trim();
    if (value) return { name, value };
  }
  return undefined;
}

/**
 * Whether the environment asks for a signal: an OTLP endpoint or an exporter is set, and neither OTEL_SDK_DISABLED=true nor
 * the exporter `none`.
 */
export function telemetryWanted(env: NodeJS.ProcessEnv = process.env, signal: Signal = 'traces'): boolean {
  if (env['OTEL_SDK_DISABLED']?.trim().toLowerCase() === 'true') return false;
  const exporter = env[variable(signal, 'EXPORTER')]?.trim();
  if (exporter === 'none') return false;
  return Boolean(exporter || endpointOf(env, signal));
}

const endpointOf = (env: NodeJS.ProcessEnv, signal: Signal) =>
  firstSet(env, otlpVariable(signal, 'ENDPOINT'), 'OTEL_EXPORTER_OTLP_ENDPOINT');

const protocolOf = (env: NodeJS.ProcessEnv, signal: Signal) =>
  firstSet(env, otlpVariable(signal, 'PROTOCOL'), 'OTEL_EXPORTER_OTLP_PROTOCOL');

/** Returns the exporters of a signal that the environment names, `otlp` by default. */
export function exportersOf(env: NodeJS.ProcessEnv, signal: Signal): readonly string[] {
  return (firstSet(env, variable(signal, 'EXPORTER'))?.value ?? 'otlp').split(',').map((name) => name.trim());
}

/** Returns the OTLP protocol of a signal; {@link otlpProblem} says whether it is one. */
export function otlpProtocol(env: NodeJS.ProcessEnv, signal: Signal): OtlpProtocol {
  const named = protocolOf(env, signal)?.value;
  return protocols.find((known) => known === named) ?? 'http/protobuf';
}

/** Returns the OTLP endpoint, as it is set or by default. It may contain credentials. Undefined where none is used. */
export function otlpEndpoint(env: NodeJS.ProcessEnv = process.env, signal: Signal = 'traces'): string | undefined {
  if (!exportersOf(env, signal).includes('otlp')) return undefined;
  const byDefault = otlpProtocol(env, signal) === 'grpc' ? 'http://localhost:4317' : 'http://localhost:4318';
  return endpointOf(env, signal)?.value ?? byDefault;
}

/**
 * Returns what is wrong with the variables, so that a signal cannot be sent; undefined where nothing is. An endpoint is not
 * quoted: it may contain credentials.
 */
export function otlpProblem(env: NodeJS.ProcessEnv = process.env, signal: Signal = 'traces'): string | undefined {
  const unknown = exportersOf(env, signal).find((name) => !exporters[signal].includes(name));
  if (unknown !== undefined) {
    const expected = exporters[signal].filter((name) => name !== 'null');
    const scraped = unknown === 'prometheus' ? '; LISTEN_METRICS serves them to Prometheus' : '';
    return `${variable(signal, 'EXPORTER')}: found ${JSON.stringify(unknown)}, expected ${expected.slice(0, -1).join(', ')} or none${scraped}`;
  }
  if (signal === 'traces') {
    const problem = samplerProblem(env);
    if (problem !== undefined) return problem;
  }
  if (!exportersOf(env, signal).includes('otlp')) return undefined;
  const protocol = protocolOf(env, signal);
  if (protocol !== undefined && !protocols.some((known) => known === protocol.value)) {
    return `${protocol.name}: found ${JSON.stringify(protocol.value)}, expected ${protocols.join(', ')}`;
  }
  const endpoint = endpointOf(env, signal);
  if (endpoint === undefined) return undefined;
  // gRPC takes host:port too.
  const bare = protocol?.value === 'grpc' && /^(\[[0-9a-f:]+\]|[\w.-]+):\d{1,5}$/i.test(endpoint.value);
  const isUrl = URL.canParse(endpoint.value) && /^https?:\/\/[^/]/i.test(endpoint.value);
  if (isUrl || bare) return undefined;
  return `${endpoint.name}: expected a URL such as http://host:${protocol?.value === 'grpc' ? 4317 : 4318}, found one without http:// or https://, or that cannot be parsed`;
}

/** Returns the share of runs whose steps are traced; undefined unless OTEL_TRACES_SAMPLER names the sampler of runs. */
export function sampledRuns(env: NodeJS.ProcessEnv = process.env): number | undefined {
  if (env['OTEL_TRACES_SAMPLER']?.trim() !== runSamplerName) return undefined;
  return Number(env['OTEL_TRACES_SAMPLER_ARG']?.trim() || 1);
}

function samplerProblem(env: NodeJS.ProcessEnv): string | undefined {
  const ratio = sampledRuns(env);
  if (ratio === undefined || (ratio >= 0 && ratio <= 1)) return undefined;
  return `OTEL_TRACES_SAMPLER_ARG: found ${JSON.stringify(env['OTEL_TRACES_SAMPLER_ARG'])}, expected a share of runs from 0 to 1`;
}
