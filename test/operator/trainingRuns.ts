/** TrainingRuns on a real API server, with a real coordinator that trains a tiny policy. */
import assert from 'node:assert/strict';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { before, test } from 'node:test';
import { parse } from 'yaml';
import { codeOf } from '../documents.fixture.js';
import { project, runYaml } from '../platform.fixture.js';
import { until, type World } from './world.js';

const pgapo = { combine: '{ method: pgapo, preference: { short: 0.5, vowels: 0.5 } }' };
const configOf = (lines: Record<string, string>): Record<string, unknown> =>
  parse(runYaml(lines)) as Record<string, unknown>;

/** Tests of TrainingRuns. @param worldOf returns the tests' world once it exists */
export function trainingRuns(worldOf: () => World): void {
  let world: World;
  before(async () => {
    world = worldOf();
    await world.startOperator('first');
  });

  const conditionOf = (name: string, type: string) =>
    world.read(name).status?.conditions?.find((condition) => condition.type === type);
  const runOf = async (name: string) => {
    const { run } = await world.training.GetRun(
      { runId: world.read(name).status?.runId ?? '' },
      { deadlineMs: 15_000 },
    );
    return run ?? assert.fail('no run');
  };

  test('an invalid resource is refused at admission, with the path of the field', () => {
    const valid = configOf({});
    const refused: [changes: object, path: string, why: string][] = [
      [{ config: { ...valid, steps: 0 } }, 'spec.config.steps', 'greater than or equal to 1'],
      [{ config: { ...valid, stepz: 3 } }, 'spec.config.stepz', 'unknown field'],
      [{ config: { ...valid, combine: { method: 'gapoo' } } }, 'spec.config.combine.method', 'supported values'],
      [{ config: { ...valid, combine: { method: 'pgapo' } } }, 'spec.config.combine.preference', 'Required value'],
      [{ config: { ...valid, combine: { method: 'mgda', p: 1 } } }, 'spec.config.combine.p', 'only with method gapo'],
      [{ config: { ...valid, objectives: [{ name: 'a b' }] } }, 'spec.config.objectives[0].name', 'should match'],
      [
        { config: { ...valid, optimizer: { learningRate: 0 } } },
        'spec.config.optimizer.learningRate',
        'greater than 0',
      ],
      [{ config: { ...valid, data: { map: { question: 'q' } } } }, 'spec.config.data.map', 'expected keys among'],
      [{ config: valid, preference: { short: -1 } }, 'spec.preference.short', 'greater than or equal to 0'],
      [{ config: valid, preference: { short: 0 } }, 'spec.preference', 'a number over 0'],
      [{}, 'spec.config', 'Required value'],
    ];
    for (const [spec, path, why] of refused) {
      const { status, output } = world.apply('invalid', spec, '--dry-run=server');
      assert.notEqual(status, 0, path);
      assert.ok(output.includes(path) && output.includes(why), `${path}: ${output}`);
    }
  });

  test('the manifest of the documentation is admitted, and has the configuration of the example', async () => {
    const [manifest] = (await codeOf('docs/kubernetes.md', 'TrainingRun')).filter(
      ({ language }) => language === 'yaml',
    );
    const object = parse(manifest?.code ?? '') as { spec: { config: object } };
    assert.equal(world.apply('documented', object.spec, '--dry-run=server').status, 0);
    const runFile = parse(await readFile(join(project, 'examples/assistant/run.yaml'), 'utf8')) as object;
    assert.deepEqual(object.spec.config, runFile);
  });

  test('apply trains, get shows columns, describe shows conditions and events', async () => {
    assert.equal(world.apply('quick', { config: configOf({ steps: '4' }) }).status, 0);
    world.kubectl('wait', '--for=condition=Complete', '--timeout=240s', 'trainingrun/quick');
    const [header = '', row = ''] = world.kubectl('get', 'trainingruns', 'quick').trim().split('\n');
    assert.deepEqual(header.trim().split(/\s+/), ['NAME', 'STEP', 'PHASE', 'REWARDS', 'WEIGHTS', 'ETA', 'AGE']);
    assert.match(row, /^quick +4\/4 +Succeeded +short -?\d\.\d{3}, vowels -?\d\.\d{3} +short \d/);
    const run = await runOf('quick');
    const { status = {} } = world.read('quick');
    assert.equal(run.state, 'RUN_STATE_SUCCEEDED');
    assert.equal(status.versionSha256, run.versionSha256);
    assert.match(status.runId ?? '', new RegExp(`^${world.namespace}-quick-[0-9a-f]{12}$`));
    const described = world.kubectl('describe', 'trainingrun', 'quick');
    for (const text of ['RunCreated', 'Succeeded', 'at step 4/4', 'versionSha256']) {
      assert.ok(described.includes(text), `${text}: ${described}`);
    }
    await world.status('quick', 'nothing to cancel', (_, { metadata }) => metadata.finalizers === undefined);
  });

  test('changes of fields that cannot change are refused, and the error says what to do', () => {
    const config = configOf({ steps: '4' });
    const refused = (spec: object): string => {
      const { status, output } = world.patch('quick', { spec });
      assert.notEqual(status, 0);
      return output;
    };
    assert.match(refused({ config: { steps: 5 } }), /spec\.config: Forbidden: cannot change: delete the TrainingRun/);
    assert.match(refused({ config: { combine: { source: 'logits' } } }), /spec\.config: Forbidden: cannot change/);
    assert.match(refused({ baseDirectory: '/other' }), /spec\.baseDirectory: Forbidden: cannot change/);
    assert.equal(world.apply('quick', { config }).status, 0, 'applying the same again changes nothing');
  });

  test('a patch of the preference changes the run as `gapo prefer` does', async () => {
    world.apply('long', { config: configOf({ ...pgapo, steps: '100000' }) });
    await world.status('long', 'kept until it is cancelled', (_, { metadata }) => metadata.finalizers?.[0] === 'gapo.dev/cancel-run'); // prettier-ignore
    await world.status('long', 'running', ({ phase, step = 0 }) => phase === 'Running' && step > 0);
    assert.equal(world.patch('long', { spec: { preference: { short: 0.9, vowels: 0.1 } } }).status, 0);
    await world.status('long', 'preference', ({ preference }) => preference?.['short'] === 0.9);
    assert.deepEqual((await runOf('long')).preference, { short: 0.9, vowels: 0.1 });
    assert.equal(conditionOf('long', 'PreferenceApplied')?.status, 'True');

    world.patch('long', { spec: { preference: { short: 0.9, vowels: null } } });
    const refused = await until('refused', () => conditionOf('long', 'PreferenceApplied'), (one) => one?.status === 'False'); // prettier-ignore
    assert.equal(refused?.reason, 'InvalidArgument');
    assert.match(refused.message, /vowels is missing/);
    assert.equal(world.read('long').status?.phase, 'Running');
    world.patch('long', { spec: { preference: { short: 0.2, vowels: 0.8 } } });
    await until(
      'applied',
      () => conditionOf('long', 'PreferenceApplied'),
      (one) => one?.status === 'True',
    );
    const { output } = world.tryKubectl('get', 'events', '--field-selector', 'involvedObject.name=long');
    for (const reason of ['PreferenceChanged', 'PreferenceRefused', 'RunCreated', 'Running'])
      assert.ok(output.includes(reason), `${reason}: ${output}`);
  });

  test('suspend pauses after the step in progress, and resumes', async () => {
    assert.equal(world.patch('long', { spec: { suspend: true } }).status, 0);
    const paused = await world.status('long', 'suspended', ({ phase }) => phase === 'Suspended');
    assert.equal((await runOf('long')).state, 'RUN_STATE_PAUSED');
    assert.equal(conditionOf('long', 'Suspended')?.reason, 'Paused');
    world.patch('long', { spec: { suspend: false } });
    const before = paused.status?.step ?? 0;
    await world.status('long', 'resumed', ({ phase, step = 0 }) => phase === 'Running' && step > before);
    assert.equal(conditionOf('long', 'Suspended')?.status, 'False');
  });

  test('a run that is created suspended starts when it is released, as Kueue does it', async () => {
    world.apply('queued', { config: configOf({ steps: '2' }), suspend: true });
    await world.status('queued', 'waiting', ({ phase }) => phase === 'Suspended');
    assert.equal(world.read('queued').status?.runId, undefined);
    world.patch('queued', { spec: { suspend: false } });
    await world.status('queued', 'done', ({ phase }) => phase === 'Succeeded');
    assert.equal(conditionOf('queued', 'Suspended')?.status, 'False');
  });

  test('a configuration that the coordinator refuses is reported, and the resource can be deleted', async () => {
    world.apply('refused', { config: { ...configOf({}), policy: { model: 'nowhere' } } });
    const { status } = await world.status('refused', 'refused', ({ conditions = [] }) =>
      conditions.some(({ type, status }) => type === 'Accepted' && status === 'False'),
    );
    assert.equal(status?.phase, 'Pending');
    assert.match(status.message ?? '', /nowhere/);
    world.kubectl('delete', 'trainingrun', 'refused', '--timeout=60s');
  });

  test('changes by others at the same time are kept, and the status too', async () => {
    const before = world.read('long').status?.step ?? 0;
    for (let i = 0; i < 15; i += 1) {
      const { status, output } = world.tryKubectl('label', 'trainingrun', 'long', `label-${i}=yes`);
      assert.equal(status, 0, output);
    }
    // Another client writes an old status; the operator's next one wins.
    world.tryKubectl('patch', 'trainingrun', 'long', '--subresource=status', '--type=merge', '-p', '{"status":{"step":0,"progress":"0/0"}}'); // prettier-ignore
    const object = await world.status('long', 'progress', ({ step = 0 }) => step > before);
    assert.equal(Object.keys(object.metadata.labels ?? {}).length, 15);
    assert.equal(object.status?.progress, `${object.status?.step}/100000`);
  });

  test('of two operators one leads; the other takes over when it is killed, and the run goes on', async () => {
    assert.equal(world.leader(), 'first');
    const second = await world.startOperator('second');
    await until(
      'the second waits',
      () => world.logs('second'),
      (text) => text.includes('another operator leads'),
    );
    assert.equal(world.leader(), 'first');
    const before = await runOf('long');
    await world.stop('first', 'SIGKILL');
    world.patch('long', { spec: { preference: { short: 0.6, vowels: 0.4 } } });
    await until(
      'the second leads',
      () => world.leader(),
      (leader) => leader === second.identity,
    );
    await world.status('long', 'progress', ({ step = 0 }) => step > before.step);
    await world.status('long', 'preference', ({ preference }) => preference?.['short'] === 0.6);
    const { lines } = await world.training.GetAudit({ runId: before.id }, { deadlineMs: 15_000 });
    const actions = lines.map((line) => (JSON.parse(line) as { action: string }).action);
    assert.equal(actions.filter((action) => action === 'created').length, 1);
    assert.equal((await runOf('long')).created?.seconds, before.created?.seconds);
  });

  test('an unavailable coordinator is reported, the status is kept, and the run is followed again', async () => {
    const coordinator = world.platform.services.get('coordinator') ?? assert.fail();
    const { step = 0 } = world.read('long').status ?? {};
    coordinator.signal('SIGSTOP');
    const away = await until('unreachable', () => conditionOf('long', 'CoordinatorReachable'), (one) => one?.status === 'False'); // prettier-ignore
    assert.match(away?.message ?? '', /the coordinator does not answer/);
    const kept = world.read('long').status;
    assert.ok((kept?.step ?? 0) >= step && kept?.phase === 'Running' && kept.runId !== undefined);
    coordinator.kill();
    await until(
      'reachable',
      () => conditionOf('long', 'CoordinatorReachable'),
      (one) => one?.status === 'True',
    );
    await world.status(
      'long',
      'progress',
      (status) => status.phase === 'Running' && (status.step ?? 0) > (kept.step ?? 0),
    );
  });

  test('deletion cancels the run', async () => {
    const { id } = await runOf('long');
    world.kubectl('delete', 'trainingrun', 'long', '--timeout=120s');
    const { run } = await world.training.GetRun({ runId: id }, { deadlineMs: 15_000 });
    assert.equal(run?.state, 'RUN_STATE_CANCELLED');
    const { lines } = await world.training.GetAudit({ runId: id }, { deadlineMs: 15_000 });
    const last = JSON.parse(lines.at(-1) ?? '') as { action: string; by: { name: string } };
    assert.deepEqual([last.action, last.by.name], ['cancel', `TrainingRun ${world.namespace}/long`]);
  });

  test('an operator that is asked to stop releases the lease at once', async () => {
    const third = await world.startOperator('third');
    await until(
      'the third waits',
      () => world.logs('third'),
      (text) => text.includes('another operator leads'),
    );
    await world.stop('second', 'SIGTERM');
    assert.notEqual(world.leader(), 'second');
    await until(
      'the third leads',
      () => world.leader(),
      (leader) => leader === third.identity,
    );
  });
}
