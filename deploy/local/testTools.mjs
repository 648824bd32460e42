/**
 * Programs that some tests need and the project does not contain: helm, kubeconform with the JSON Schemas of Kubernetes,
 * grpcurl, versitygw (a server of S3's protocol), and Pythons with gRPC, with transformers and with PyTorch. All versions are pinned, and everything
 * lies in a cache outside of the tree.
 *
 *   node deploy/local/testTools.mjs            fetches what is missing; says what cannot be fetched here, and why
 *   node deploy/local/testTools.mjs --oracle   fetches PyTorch for test/oracle as well, which takes some 6 GB
 *   node deploy/local/testTools.mjs --pytorch  fetches PyTorch for engines/pytorch as well, which takes some 6 GB
 *   node deploy/local/testTools.mjs --peers    fetches what test/bench/peers compares with, which takes some 7 GB
 *   node deploy/local/testTools.mjs --telemetry builds an OpenTelemetry collector, and a reader of Grafana's dashboards
 *   node deploy/local/testTools.mjs --trackers fetches MLflow and TensorBoard as well, which take some 1.5 GB
 *
 * test/run.mjs gives the tests what is in the cache, as environment variables. Without a tool its tests are skipped.
 */
import { execFileSync, spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';

const cache = join(process.env.XDG_CACHE_HOME || join(homedir(), '.cache'), 'gapo', 'test-tools');

/** The versions of Kubernetes that the chart is validated for: the first that mounts images as volumes, to the newest. */
export const kubernetesVersions = ['1.35.4', '1.36.3', '1.37.2'];

/**
 * A tool: its folder in the cache, named after its version; the program that fetches it; what tests find it by. `fetch`
 * fills the empty folder.
 */
const tools = [
  {
    folder: join(cache, 'helm-4.3.2'),
    needs: 'go',
    fetch: (folder) => goInstall('helm.sh/helm/v4/cmd/helm@v4.3.2', folder),
    environment: (folder) => ({ HELM: join(folder, 'helm') }),
  },
  {
    folder: join(cache, 'kubeconform-0.8.0'),
    needs: 'go',
    fetch: (folder) => goInstall('github.com/yannh/kubeconform/cmd/kubeconform@v0.8.0', folder),
    environment: (folder) => ({ KUBECONFORM: join(folder, 'kubeconform') }),
  },
  {
    folder: join(cache, 'grpcurl-1.9.3'),
    needs: 'go',
    fetch: (folder) => goInstall('github.com/fullstorydev/grpcurl/cmd/grpcurl@v1.9.3', folder),
    environment: (folder) => ({ GRPCURL: join(folder, 'grpcurl') }),
  },
  {
    folder: join(cache, 'versitygw-1.8.0'),
    needs: 'go',
    fetch: (folder) => goInstall('github.com/versity/versitygw/cmd/versitygw@v1.8.0', folder),
    environment: (folder) => ({ VERSITYGW: join(folder, 'versitygw') }),
  },
  {
    folder: join(cache, `kubernetes-schemas-${kubernetesVersions.join('-')}`),
    needs: 'go',
    fetch: (folder) => kubernetesVersions.forEach((version) => kubernetesSchemas(version, join(folder, `v${version}`))),
    environment: (folder) => ({
      KUBERNETES_SCHEMAS: join(folder, '{{ .NormalizedKubernetesVersion }}/{{ .ResourceKind }}{{ .KindSuffix }}.json'),
    }),
  },
  {
    folder: join(cache, 'python-grpcio-1.85.1'),
    needs: 'python3',
    fetch: (folder) =>
      pythonPackages(folder, ['grpcio==1.85.1', 'grpcio-tools==1.85.1', 'grpcio-health-checking==1.85.1']),
    environment: (folder) => ({ PYTHON: join(folder, 'bin', 'python') }),
  },
  oraclePython('text'),
  { ...oraclePython('torch'), option: '--oracle' },
  { ...pinnedPython('pytorch', 'PYTORCH_PYTHON', '../../engines/pytorch/constraints.txt'), option: '--pytorch' },
  { ...pinnedPython('peers', 'PEERS_PYTHON', '../../test/bench/peers/requirements.txt'), option: '--peers' },
  {
    folder: join(cache, 'otelcol-0.165.0'),
    needs: 'go',
    fetch: (folder) => {
      goInstall('go.opentelemetry.io/collector/cmd/builder@v0.165.0', folder);
      const config = join(folder, 'build.yaml');
      const source = readFileSync(new URL('../../test/telemetry/collectorBuild.yaml', import.meta.url), 'utf8');
      writeFileSync(config, source.replace('dist:\n', `dist:\n  output_path: ${join(folder, 'build')}\n`));
      run(join(folder, 'builder'), ['--config', config], { CGO_ENABLED: '0', GOFLAGS: '-buildvcs=false' });
    },
    environment: (folder) => ({ OTELCOL: join(folder, 'build', 'otelcol') }),
    option: '--telemetry',
  },
  {
    folder: join(cache, 'grafana-dashboards-0.0.22'),
    needs: 'go',
    fetch: (folder) => {
      const source = fileURLToPath(new URL('../../test/telemetry/dashboards', import.meta.url));
      run('go', ['build', '-C', source, '-o', join(folder, 'dashboards')], { GOFLAGS: '-buildvcs=false' });
    },
    environment: (folder) => ({ GRAFANA_DASHBOARDS: join(folder, 'dashboards') }),
    option: '--telemetry',
  },
  {
    folder: join(cache, 'python-mlflow-3.17.2-tensorboard-2.21.0'),
    needs: 'python3',
    fetch: (folder) => pythonPackages(folder, ['mlflow==3.17.2', 'tensorboard==2.21.0']),
    environment: (folder) => ({ TRACKERS_PYTHON: join(folder, 'bin', 'python') }),
    option: '--trackers',
  },
];

/** A Python with the packages of a file. The folder's name changes with the pinned versions. */
function pinnedPython(name, variable, file) {
  const pins = fileURLToPath(new URL(file, import.meta.url));
  const hash = createHash('sha256').update(readFileSync(pins)).digest('hex').slice(0, 8);
  return {
    folder: join(cache, `python-${name}-${hash}`),
    needs: 'python3',
    fetch: (folder) => pythonPackages(folder, ['-r', pins]),
    environment: (folder) => ({ [variable]: join(folder, 'bin', 'python') }),
  };
}

/** A Python for the scripts of test/oracle. The folder's name changes with the pinned versions. */
function oraclePython(kind) {
  const pathOf = (name) => fileURLToPath(new URL(`../../test/oracle/${name}/requirements.txt`, import.meta.url));
  const hash = createHash('sha256');
  for (const name of ['text', 'torch']) hash.update(readFileSync(pathOf(name)));
  return {
    folder: join(cache, `python-oracle-${kind}-${hash.digest('hex').slice(0, 8)}`),
    needs: 'python3',
    fetch: (folder) => pythonPackages(folder, ['-r', pathOf(kind)]),
    environment: (folder) => ({ ORACLE_PYTHON: join(folder, 'bin', 'python') }),
  };
}

/** Written last: a folder without it was left by a fetch that failed. */
const marker = '.complete';

/** Environment variables that name the tools in the cache. */
export function toolEnvironment() {
  const present = tools.filter(({ folder }) => existsSync(join(folder, marker)));
  return Object.assign({}, ...present.map(({ folder, environment }) => environment(folder)));
}

function run(program, args, env = {}) {
  return execFileSync(program, args, {
    env: { ...process.env, ...env },
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'inherit'],
    maxBuffer: 2 ** 26,
  });
}

function goInstall(module, folder) {
  run('go', ['install', module], { GOBIN: folder, GOFLAGS: '-buildvcs=false' });
}

/** kubeconform's schemas, strict: a file for each kind, with the definitions that it refers to. */
function kubernetesSchemas(version, folder) {
  mkdirSync(folder);
  const { Dir } = JSON.parse(run('go', ['mod', 'download', '-json', `k8s.io/kubernetes@v${version}`]));
  const { definitions } = JSON.parse(readFileSync(join(Dir, 'api/openapi-spec/swagger.json'), 'utf8'));
  const strict = new Map(Object.entries(definitions).map(([name, schema]) => [name, strictly(schema)]));
  // OpenAPI states these two as strings with a format; they are numbers as well.
  strict.set('io.k8s.apimachinery.pkg.util.intstr.IntOrString', { type: ['string', 'integer'] });
  strict.set('io.k8s.apimachinery.pkg.api.resource.Quantity', { type: ['string', 'number'] });
  for (const [name, schema] of Object.entries(definitions)) {
    for (const { group, version, kind } of schema['x-kubernetes-group-version-kind'] ?? []) {
      const file = [kind, group.split('.')[0], version].filter((part) => part !== '').join('-');
      const whole = { $ref: `#/definitions/${name}`, definitions: Object.fromEntries(referredTo(name, strict)) };
      writeFileSync(join(folder, `${file.toLowerCase()}.json`), JSON.stringify(whole));
    }
  }
}

/** A definition and all that it refers to, directly or not. */
function referredTo(name, definitions, found = new Map()) {
  if (found.has(name)) return found;
  found.set(name, definitions.get(name));
  const references = JSON.stringify(definitions.get(name)).matchAll(/"#\/definitions\/([^"]+)"/g);
  for (const [, other] of references) referredTo(other, definitions, found);
  return found;
}

/** A schema in which an object has no keys but those that it lists. */
function strictly(schema) {
  if (Array.isArray(schema)) return schema.map(strictly);
  if (typeof schema !== 'object' || schema === null) return schema;
  const inner = Object.fromEntries(Object.entries(schema).map(([key, value]) => [key, strictly(value)]));
  const closed = typeof schema.properties === 'object' && !('additionalProperties' in schema);
  return closed ? { ...inner, additionalProperties: false } : inner;
}

function pythonPackages(folder, requirements) {
  run('python3', ['-m', 'venv', folder]);
  run(join(folder, 'bin', 'python'), [
    '-m',
    'pip',
    'install',
    '--quiet',
    '--disable-pip-version-check',
    ...requirements,
  ]);
}

/** @param options those that tools are asked for by; others are fetched always */
function fetchMissing(options) {
  for (const { folder, needs, fetch, option } of tools) {
    if (existsSync(join(folder, marker)) || (option !== undefined && !options.includes(option))) continue;
    if (spawnSync(needs, [needs === 'go' ? 'version' : '--version']).status !== 0) {
      console.error(`not fetched: ${folder} (needs ${needs} on PATH); tests that need it are skipped`);
      continue;
    }
    console.error(`fetching ${folder}`);
    rmSync(folder, { recursive: true, force: true });
    mkdirSync(folder, { recursive: true });
    try {
      fetch(folder);
      writeFileSync(join(folder, marker), '');
    } catch (error) {
      console.error(`not fetched: ${folder} (${error.message}); tests that need it are skipped`);
    }
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) fetchMissing(process.argv.slice(2));
