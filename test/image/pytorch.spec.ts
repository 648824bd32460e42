/**
 * The image of the PyTorch worker, started with the rights of a restricted cluster. PYTORCH_IMAGE names a prebuilt one, because its
 * packages take 6 GB:
 *
 *   docker build -f deploy/docker/Dockerfile --target gradient-pytorch -t gapo-gradient-pytorch:0.1.0 .
 */
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { describe, test } from 'node:test';
import { describeImage } from '../conformance/images.js';
import { Containers, docker, whyNoEngine } from '../engine.fixture.js';

const image = process.env['PYTORCH_IMAGE'] ?? '';
const skip = image === '' ? 'PYTORCH_IMAGE names no image' : whyNoEngine();

describe('the image of the PyTorch worker', { skip }, () => {
  const { entrypoint, probe } = describeImage('gradient-pytorch');
  const [program = '', ...alone] = entrypoint;
  const several = ['-m', 'gapo_pytorch.processes', '--nproc-per-node=2', '--standalone'];
  for (const [what, args] of Object.entries({ 'one process': alone, 'two processes': several })) {
    test(`${what}: serves on a read-only file system as users that are not root, and ends with 0`, (t) => {
      const containers = new Containers();
      t.after(() => containers.remove());
      for (const user of ['10001:10001', '1000730000:0']) {
        const options = ['--user', user, '--env', 'INSECURE=true', '--entrypoint', program];
        const id = containers.start(`worker-${user.split(':')[0]}`, image, options, args);
        while (spawnSync('docker', ['exec', id, ...probe]).status !== 0) {
          const running = docker(['inspect', '--format', '{{.State.Running}}', id]);
          assert.equal(running, 'true', spawnSync('docker', ['logs', id], { encoding: 'utf8' }).stderr);
        }
        docker(['stop', '--time', '60', id]);
        assert.equal(docker(['inspect', '--format', '{{.State.ExitCode}}', id]), '0', docker(['logs', id]));
      }
    });
  }
});
