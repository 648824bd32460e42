/** The settings that each service documents, and the command that `gapo up` runs for it. */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

/** The project's root; this file runs as test/dist/conformance/services.js. */
export const projectRoot = fileURLToPath(new URL('../../../', import.meta.url));

/** The folders of all deployed services. */
export const serviceFolders = ['coordinator', 'rollout', 'gradient', 'reward', 'gateway'] as const;

/** A service's folder under services/. */
export type ServiceFolder = (typeof serviceFolders)[number];

/** Variables that the logger and OpenTelemetry read in every service. */
const common = [
  'LOG_LEVEL',
  'OTEL_EXPORTER_OTLP_ENDPOINT',
  'OTEL_EXPORTER_OTLP_HEADERS',
  'OTEL_METRICS_EXPORTER',
  'OTEL_LOGS_EXPORTER',
];
/** Variables that Node.js and the system read. */
const ofNode = ['NODE_ENV', 'NODE_OPTIONS', 'HOME', 'PATH'];
/** Variables read by the S3 client, by the service that uses it. */
const ofS3: Partial<Record<ServiceFolder, readonly string[]>> = {
  coordinator: ['AWS_ENDPOINT_URL_S3', 'AWS_REGION', 'AWS_ACCESS_KEY_ID', 'AWS_SECRET_ACCESS_KEY', 'AWS_SESSION_TOKEN'],
};

const known = new Map<ServiceFolder, ReadonlySet<string>>();

/** Names of the environment variables that a service knows, from its --help. */
export function settingsOf(service: ServiceFolder): ReadonlySet<string> {
  let names = known.get(service);
  if (names === undefined) {
    const [program = '', ...args] = commandOf(service);
    const help = execFileSync(program, [...args, '--help'], { cwd: projectRoot, encoding: 'utf8' });
    const own = [...help.matchAll(/^ {2}([A-Z][A-Z_]+)\b/gm)].map(([, name = '']) => name);
    names = new Set([...own, ...common, ...ofNode, ...(ofS3[service] ?? [])]);
    known.set(service, names);
  }
  return names;
}

/** Names of the environment variables known to the PyTorch worker, from the source of its --help. */
export function pytorchSettings(): ReadonlySet<string> {
  const source = readFileSync(join(projectRoot, 'engines/pytorch/src/gapo_pytorch/settings.py'), 'utf8');
  const described = /^DESCRIPTIONS = \{$([^]*?)^\}$/m.exec(source)?.[1] ?? '';
  return new Set([...[...described.matchAll(/^ {4}"(\w+)":/gm)].map(([, name = '']) => name), ...common]);
}

/** The part of the CLI's module that plans processes. The CLI is not a library and has no mod.ts. */
interface CommandProject {
  preloadModule: string;
  serviceScript(folder: string): string;
}

const project = (await import(new URL('services/cli/dist/project.js', `file://${projectRoot}`).href)) as CommandProject;

/** The command line that `gapo up` runs for a service, in the project's root. */
export function commandOf(service: ServiceFolder): string[] {
  return ['node', '--import', project.preloadModule, project.serviceScript(service)];
}
