/** The compose file runs the images unchanged, and sets only variables known to their services. */
import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { test } from 'node:test';
import { composeFolder as folder, services } from './composeFile.js';
import { describeImage } from './images.js';
import { serviceFolders, settingsOf } from './services.js';

/** Services that run the project's images, with the image's target. */
const ours = Object.entries(services).flatMap(([name, service]) => {
  const target = /^gapo-(\w+):\$\{TAG:-0\.1\.0\}$/.exec(service.image)?.[1];
  return target === undefined ? [] : [{ name, target, ...service }];
});

test('every service of the platform runs its image unchanged, built from its target, and once', () => {
  for (const { name, target, command, entrypoint, read_only: readOnly, cap_drop: dropped } of ours) {
    assert.ok(describeImage(target).entrypoint.length > 0);
    assert.deepEqual([command, entrypoint], [undefined, undefined], name);
    assert.equal(readOnly, true, name);
    assert.deepEqual(dropped, ['ALL'], name);
  }
  assert.deepEqual(new Set(ours.map(({ target }) => target)), new Set([...serviceFolders, 'cli']));
  const built = ours.flatMap(({ target, build }) => (build === undefined ? [] : [[target, build.target]]));
  // A second build of an image replaces it, and compose then recreates the containers of the first.
  assert.deepEqual(
    built.sort(),
    [...serviceFolders, 'cli'].sort().map((target) => [target, target]),
  );
});

test('every setting is one that the service knows', () => {
  for (const { name, target: image, environment = {} } of ours) {
    const target = serviceFolders.find((candidate) => candidate === image);
    if (target === undefined) continue;
    for (const variable of Object.keys(environment)) {
      assert.ok(settingsOf(target).has(variable), `${name}: ${target} knows no ${variable}`);
    }
  }
});

test('every address is a service of the file, on a port that its image listens on', () => {
  for (const { name, environment = {} } of ours) {
    for (const value of Object.values(environment)) {
      for (const [, host = '', port] of value.matchAll(/(?:dns:\/\/\/|^|=)([a-z][a-z-]*):(\d+)/g)) {
        const { target } = ours.find((service) => service.name === host) ?? assert.fail(`${name}: no service ${host}`);
        assert.ok(describeImage(target).exposed.includes(Number(port)), `${name}: ${value}`);
      }
    }
  }
});

test('nothing waits for the health of a dependency, and all ports are bound to localhost', () => {
  for (const [name, { depends_on: needs = [], ports = [] }] of Object.entries(services)) {
    assert.ok(Array.isArray(needs), `${name}: services start in any order`);
    for (const needed of needs) assert.ok(services[needed] !== undefined, `${name} needs ${needed}`);
    for (const port of ports) assert.match(port, /^127\.0\.0\.1:/, name);
  }
});

test('every service is probed by its image, seldom once it is up', () => {
  for (const { name, target, healthcheck } of ours) {
    const { probe } = describeImage(target);
    assert.equal(healthcheck !== undefined, probe.length > 0, name);
    if (healthcheck === undefined) continue;
    assert.equal(healthcheck.test, undefined, `${name}: the probe of its image`);
    assert.deepEqual([healthcheck.interval, healthcheck.timeout], ['30s', '10s'], name);
  }
});

test('.env.example shows every variable of the file, with its default', () => {
  const text = readFileSync(join(folder, 'compose.yaml'), 'utf8');
  const defaults = new Map(
    [...text.matchAll(/\$\{(\w+):-([^}]*)\}/g)].map(([, name = '', value = '']) => [name, value]),
  );
  const example = readFileSync(join(folder, '.env.example'), 'utf8');
  const shown = new Map([...example.matchAll(/^(\w+)=(.*)$/gm)].map(([, name = '', value = '']) => [name, value]));
  assert.deepEqual([...shown].sort(), [...defaults].sort());
});
