// A disk that really fills up: a small in-memory file system.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { closeSync, openSync, rmSync, statSync, truncateSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { test, type TestContext } from 'node:test';
import {
  createRun,
  getRun,
  runYaml,
  scratch,
  startCoordinator,
  startWorld,
  until,
  untilStep,
  type TestCoordinator,
  type World,
} from '../fixtures/world.fixture.js';

const bytes = 4 * 2 ** 20;

/** Mounts a file system; undefined if this user is not allowed to. */
async function smallDisk(t: TestContext): Promise<string | undefined> {
  const path = await scratch(t);
  const mounted = spawnSync('mount', ['-t', 'tmpfs', '-o', `size=${bytes}`, 'tmpfs', path]);
  return mounted.status === 0 ? path : undefined;
}

/** Fills a file system to the last byte. */
function fill(path: string): void {
  const file = openSync(path, 'w');
  try {
    for (let size = 65_536; size >= 1; size >>= 1) {
      try {
        while (writeSync(file, Buffer.alloc(size)) > 0);
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code !== 'ENOSPC') throw error;
      }
    }
  } finally {
    closeSync(file);
  }
}

test('a run on a full disk pauses with the path and what to do, and continues by itself once there is room', async (t) => {
  const data = await smallDisk(t);
  if (data === undefined) {
    t.skip('a file system in memory cannot be mounted by this user');
    return;
  }
  try {
    const world = await startWorld(t);
    const env = { ...world.env, DATA_DIR: data, PROJECT_DIRS: world.directory };
    const coordinator = await startCoordinator(t, { ...world, env });
    const ballast = join(data, '.ballast');
    await createRun(coordinator, world, runYaml({ steps: 12 }));
    await untilStep(coordinator, 'bandit', 2);
    fill(ballast);
    const { reason, step } = await until(coordinator, 'bandit', 'RUN_STATE_PAUSED');
    assert.match(reason, /\/bandit\b.*(?:ENOSPC|disk is full|no space)/i);
    assert.ok(reason.includes(data), reason);
    rmSync(ballast);
    await until(coordinator, 'bandit', 'RUN_STATE_SUCCEEDED');
    assert.ok(step >= 2 && step < 12);
    assert.equal((await getRun(coordinator)).step, 12);
    await assertCreatedOrRefused(coordinator, world, ballast);
    await coordinator.stop();
  } finally {
    spawnSync('umount', ['-l', data]);
  }
});

/**
 * Creates runs while the disk has room for none, some or all of their files. Each must either exist with its audit log or have
 * been refused.
 */
async function assertCreatedOrRefused(coordinator: TestCoordinator, world: World, ballast: string): Promise<void> {
  const outcomes = new Set<string>();
  for (const pages of [0, 1, 2, 3, 4, 6]) {
    fill(ballast);
    truncateSync(ballast, statSync(ballast).size - pages * 4096);
    const id = `room-${pages}`;
    try {
      await createRun(coordinator, world, runYaml({ steps: 1 }), id);
      assert.equal(coordinator.runs.get(id).audit.read().head.entries, 1);
      outcomes.add('created');
    } catch (error) {
      assert.match(String(error), /its disk is full: make room, then try again/);
      await assert.rejects(getRun(coordinator, id), /NOT_FOUND/);
      outcomes.add('refused');
    }
    rmSync(ballast);
    if (outcomes.has('created')) await until(coordinator, id, 'RUN_STATE_SUCCEEDED');
  }
  assert.deepEqual([...outcomes], ['refused', 'created']);
}
