/** The NATS server that `gapo up` starts for events, kept alive on its port. */
import { setTimeout as delay } from 'node:timers/promises';
import { natsFileVariables, natsLoginVariables, startNatsServer, type NatsServer } from '@gapo/events';
import { messageOf } from '@gapo/rpc';
import { fromHere } from '../project.js';
import { Backoff } from './backoff.js';
import type { ServiceObserver, ServiceRow } from './childService.js';

/** The server to which events are sent. */
export interface EventServer {
  /** Such as nats://127.0.0.1:4222; undefined if services use their in-process bus. */
  readonly url: string | undefined;
  /** The environment with which services connect to it. */
  readonly env: Record<string, string>;
  /** Its row, if it was started here. */
  readonly row: ServiceRow | undefined;
  stop(): Promise<void>;
}

/**
 * Returns the server named in NATS_URL, otherwise starts one. Says so if nats-server is not installed.
 *
 * @param storeDir the directory of its streams
 * @throws UserError if it cannot start
 */
export async function startEvents(
  storeDir: string,
  observer: ServiceObserver,
  environment: NodeJS.ProcessEnv = process.env,
): Promise<EventServer> {
  const given = environment['NATS_URL']?.trim();
  // Services run in the project's folder, so relative paths are made absolute.
  const files = natsFileVariables.map((name) => [name, environment[name]?.trim() ?? ''] as const);
  const absolute = files.flatMap(([name, path]) => (path === '' ? [] : [[name, fromHere(path)]]));
  if (given) {
    const env = { NATS_URL: given, ...(Object.fromEntries(absolute) as Record<string, string>) };
    return { url: given, env, row: undefined, stop: () => Promise.resolve() };
  }
  const server = await startNatsServer({ storeDir });
  if (server === undefined) {
    observer.say(
      'nats-server is not installed: events stay within the coordinator and are not kept; install it (apt-get install nats-server) or set NATS_URL',
    );
    return { url: undefined, env: {}, row: undefined, stop: () => Promise.resolve() };
  }
  return new OwnServer(server, storeDir, observer);
}

class OwnServer implements EventServer {
  readonly url: string;
  readonly env: Record<string, string>;
  readonly #storeDir: string;
  readonly #observer: ServiceObserver;
  readonly #stopping = new AbortController();
  #server: NatsServer;

  constructor(server: NatsServer, storeDir: string, observer: ServiceObserver) {
    this.#server = server;
    this.url = server.url;
    // A login for other servers must not be used for this one; an empty variable counts as unset.
    this.env = { ...Object.fromEntries(natsLoginVariables.map((name) => [name, ''])), NATS_URL: server.url };
    this.#storeDir = storeDir;
    this.#observer = observer;
    void this.#supervise();
  }

  get row(): ServiceRow {
    const { host } = new URL(this.url);
    return { name: 'nats-server', does: 'carries events', address: host, pid: this.#server.pid, log: undefined };
  }

  async stop(): Promise<void> {
    this.#stopping.abort();
    await this.#server.stop();
  }

  async #supervise(): Promise<void> {
    const backoff = new Backoff();
    for (;;) {
      const since = performance.now();
      await this.#server.exited;
      do {
        if (this.#stopped()) return;
        const pause = backoff.next(performance.now() - since);
        this.#observer.say(`nats-server exited; restarting in ${pause / 1000} s`);
        await delay(pause, undefined, { signal: this.#stopping.signal }).catch(() => undefined);
      } while (!this.#stopped() && !(await this.#restart()));
    }
  }

  #stopped(): boolean {
    return this.#stopping.signal.aborted;
  }

  /** Restarts it on its port. Returns false if that failed. */
  async #restart(): Promise<boolean> {
    try {
      const server = await startNatsServer({ storeDir: this.#storeDir, port: Number(new URL(this.url).port) });
      if (server === undefined) return false;
      this.#server = server;
    } catch (error) {
      this.#observer.say(messageOf(error));
      return false;
    }
    // stop() may have been called while it started.
    if (this.#stopped()) await this.#server.stop();
    this.#observer.changed();
    return true;
  }
}
