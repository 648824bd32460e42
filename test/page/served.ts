/** A coordinator whose responses the test defines, and a real gateway in front of it. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { serve, type Handlers } from '@gapo/rpc';
import { implementSome } from '@gapo/rpc/testing';
import { project } from '../platform.fixture.js';

/** Both, running. */
export interface Served {
  /** The address of the page. */
  readonly url: string;
  /** Stops both. */
  stop(): Promise<void>;
}

/** Starts both. @param handlers of the coordinator; calls need no token */
export async function serveTraining(handlers: Partial<Handlers<'gapo.training.v1.TrainingService'>>): Promise<Served> {
  const service = implementSome('gapo.training.v1.TrainingService', { GetCaller: async () => ({}), ...handlers });
  const server = await serve({ address: '127.0.0.1:0', services: [service], shutdownGraceMs: 0 });
  const folder = mkdtempSync(join(tmpdir(), 'gapo-page-'));
  const addressFile = join(folder, 'address');
  const env = {
    LISTEN: '127.0.0.1:0',
    LISTEN_GRPC: '127.0.0.1:0',
    COORDINATOR: server.address,
    ADDRESS_FILE: addressFile,
  };
  const gateway = spawn(process.execPath, [join(project, 'services/gateway/dist/main.js')], {
    env: { ...process.env, ...env },
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  await new Promise<void>((resolve) => {
    const lines = createInterface(gateway.stderr);
    lines.on('line', (line) => line.includes('"ready after') && resolve());
  });
  return {
    url: `http://${readFileSync(addressFile, 'utf8').trim()}/`,
    stop: async () => {
      gateway.kill('SIGTERM');
      await once(gateway, 'exit');
      await server.stop();
      rmSync(folder, { recursive: true });
    },
  };
}
