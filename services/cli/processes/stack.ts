/** Starts all services in order, records them in DATA/up.json, and stops them in reverse order. */
import { join } from 'node:path';
import { readRewardsFile, requireOwnTokens } from '@gapo/config';
import { messageOf } from '@gapo/rpc';
import { UserError, withoutCredentials } from '@gapo/service';
import { tlsVariables } from '../certificates/tlsDirectory.js';
import { serviceScript } from '../project.js';
import { ChildService, type ServiceObserver, type ServiceRow } from './childService.js';
import { startEvents, type EventServer } from './events.js';
import { isAlive, stopLeftovers } from './leftovers.js';
import { planServices, type PlanOptions, type ReservedPlan, type ServiceSpec } from './plan.js';
import { readUpFile, removeUpFile, requireDataDirectory, writeUpFile, type UpState } from './upFile.js';

/** Options of the services. */
export interface StackOptions extends Omit<PlanOptions, 'rewards'> {
  /** The file of reward services, absolute. */
  rewardsFile: string;
  /** The command that starts them. */
  command: UpState['command'];
  /** Environment variables for every service in addition to this process's, such as OTEL_*. */
  env: Record<string, string>;
}

/** The running services. */
export interface Stack {
  /** The services and their addresses. */
  readonly state: UpState;
  /** Stops all services in reverse order; `hard` kills them. Idempotent. */
  stop(hard?: boolean): Promise<void>;
}

/** Returns the services that are running for a data directory, if any. Stops services that a killed supervisor left behind. */
export async function runningStack(dataDirectory: string, observer: ServiceObserver): Promise<UpState | undefined> {
  const state = readUpFile(dataDirectory);
  if (state === undefined) return undefined;
  if (isAlive(state)) return state;
  const ended = await stopLeftovers(state);
  if (ended.length > 0) observer.say(`stopped services that an interrupted gapo left running: ${ended.join(', ')}`);
  removeUpFile(dataDirectory);
  return undefined;
}

/**
 * Starts all services. Stops them again if one fails to start or the signal is aborted.
 *
 * @throws UserError if the rewards file is invalid or would share REWARD_TOKEN; if all services would use the same certificate; if a service fails to
 * start, with the end of its log
 */
export async function startStack(
  options: StackOptions,
  observer: ServiceObserver,
  signal: AbortSignal,
): Promise<Stack> {
  const rewards = readRewardsFile(options.rewardsFile);
  requireOwnTokens(rewards, process.env);
  if (options.tls === undefined) requireNoTls(process.env);
  requireDataDirectory(options.dataDirectory);
  // Checks ports and scripts before anything starts, so that an error leaves nothing behind.
  const plan = await planServices({ ...options, rewards });
  plan.groups.flat().forEach(({ folder }) => serviceScript(folder));
  const stack = new LocalStack(options, observer, plan);
  try {
    await stack.start(signal);
    return stack;
  } catch (error) {
    await stack.stop();
    throw error;
  }
}

/** @throws UserError if services would inherit the certificate of this command */
function requireNoTls(env: NodeJS.ProcessEnv): void {
  const set = tlsVariables.filter((name) => env[name]?.trim());
  if (set.length === 0) return;
  throw new UserError(
    `${set.join(', ')}: each service needs its own certificate; unset them, and use --tls with a directory of \`gapo certs\``,
  );
}

class LocalStack implements Stack {
  readonly #options: StackOptions;
  readonly #observer: ServiceObserver;
  readonly #plan: ReservedPlan;
  readonly #services: ChildService[] = [];
  readonly #started = new Date().toISOString();
  #events: EventServer | undefined;
  #ending: Promise<void> | undefined;

  constructor(options: StackOptions, observer: ServiceObserver, plan: ReservedPlan) {
    this.#options = options;
    this.#plan = plan;
    this.#observer = {
      say: (text) => observer.say(text),
      changed: () => {
        try {
          this.#write();
        } catch (error) {
          // On a full disk, the services keep running, and their process ids are written at the next change.
          observer.say(`up.json could not be written: ${messageOf(error)}`);
        }
        observer.changed();
      },
    };
  }

  get state(): UpState {
    const rows = [this.#events?.row, ...this.#services.map(({ row }) => row)].filter((row) => row !== undefined);
    const { tls } = this.#options;
    return {
      pid: process.pid,
      command: this.#options.command,
      started: this.#started,
      coordinator: this.#plan.coordinator,
      page: this.#plan.page,
      ...(tls === undefined ? {} : { tls }),
      ...(this.#events?.url === undefined ? {} : { nats: withoutCredentials(this.#events.url) }),
      services: rows.map(withoutAbsent),
    };
  }

  async start(signal: AbortSignal): Promise<void> {
    process.once('exit', this.#killAll);
    const { dataDirectory } = this.#options;
    this.#events = await startEvents(join(dataDirectory, 'nats'), this.#observer);
    const env = { ...this.#events.env, ...this.#options.env };
    for (const group of this.#plan.groups) {
      signal.throwIfAborted();
      await this.#startGroup(group, env, signal);
    }
    this.#write();
  }

  async #startGroup(group: readonly ServiceSpec[], env: Record<string, string>, signal: AbortSignal): Promise<void> {
    const failing = new AbortController();
    const services = group.map(
      (spec) =>
        new ChildService(
          { ...spec, env: { ...env, ...spec.env } },
          join(this.#options.dataDirectory, 'logs'),
          this.#observer,
        ),
    );
    this.#services.push(...services);
    const starts = services.map((service) => service.start(AbortSignal.any([signal, failing.signal])));
    this.#write();
    try {
      await Promise.all(starts);
    } catch (error) {
      failing.abort();
      // Wait until none is starting, because all are stopped next.
      await Promise.allSettled(starts);
      throw error;
    }
  }

  stop(hard = false): Promise<void> {
    if (hard) this.#services.forEach((service) => service.kill());
    this.#ending ??= this.#end(hard);
    return this.#ending;
  }

  async #end(hard: boolean): Promise<void> {
    for (const service of this.#services.toReversed()) await service.stop(hard);
    await this.#events?.stop();
    this.#plan.release();
    process.removeListener('exit', this.#killAll);
    if (this.#services.length > 0) removeUpFile(this.#options.dataDirectory);
  }

  readonly #killAll = (): void => this.#services.forEach((service) => service.kill());

  #write(): void {
    if (this.#ending === undefined) writeUpFile(this.#options.dataDirectory, this.state);
  }
}

function withoutAbsent(row: ServiceRow): UpState['services'][number] {
  const { name, does, address, pid, log } = row;
  return { name, does, address, ...(pid === undefined ? {} : { pid }), ...(log === undefined ? {} : { log }) };
}
