/**
 * The lease of a data directory: one coordinator at a time owns its runs. The lease is a file in the directory, so it holds
 * across users, containers and machines that mount the same volume:
 *
 *     DATA_DIR/.lease/000007.json   {"token": 7, "holder": {...}, "renewals": 12}
 *
 * The highest token is the holder's. A coordinator takes over the directory by creating the file with the next token, which only
 * one process can do. It does so if the holder has released the lease, is a dead process on this machine, or has let the lease
 * expire, for example because it was suspended. Clocks of different machines are never compared: a contender watches the file.
 * Before it writes to a run, a coordinator checks that no higher token exists (a fencing token), so a coordinator that was
 * suspended and replaced writes nothing more. If its own lease has expired, it first takes the next token: a network file system
 * may show a stale list of files, but it creates a file only once.
 */
import { randomUUID } from 'node:crypto';
import { mkdirSync, readdirSync, readFileSync, readlinkSync, rmSync, writeFileSync } from 'node:fs';
import { hostname } from 'node:os';
import { join } from 'node:path';
import { setTimeout as delay } from 'node:timers/promises';
import { UserError, writeAtomically, z, type Logger } from '@gapo/service';

const holderSchema = z.object({
  /** Unique to each process. */
  id: z.string(),
  host: z.string(),
  pid: z.int(),
  /** Where a process id is valid: the boot of a machine, and a PID namespace. Empty if unknown. */
  scope: z.string(),
  /** When the process started, in ticks since boot, because a process id can be reused. */
  started: z.string(),
});

type Holder = z.output<typeof holderSchema>;

const leaseSchema = z.object({
  token: z.int().min(1),
  holder: holderSchema,
  renewals: z.int().min(0),
  released: z.boolean(),
});

type Lease = z.output<typeof leaseSchema>;

/** How long a lease lasts without a renewal, in milliseconds. */
const leaseMs = 15_000;
/** Time between renewals. */
const renewalMs = leaseMs / 5;

/** Another coordinator took over the lease: this one may no longer write. */
export class LeaseLost extends UserError {
  override readonly name = 'LeaseLost';
}

/** Options of {@link DataLease.take}. */
export interface LeaseOptions {
  /** How long the lease lasts without a renewal, in milliseconds. @default 15000 */
  readonly leaseMs?: number;
}

/** The lease that this process holds. */
export class DataLease {
  readonly #directory: string;
  readonly #dataDirectory: string;
  readonly #log: Logger;
  readonly #timer: NodeJS.Timeout;
  /** How long the lease lasts, in milliseconds. */
  readonly #lastsMs: number;
  /** When it was last renewed, by performance.now(). */
  #renewedAt = performance.now();
  /** Rejects with LeaseLost once a renewal finds that another coordinator has taken over. */
  readonly lost: Promise<never>;
  #reportLoss: (error: LeaseLost) => void = () => undefined;
  #lease: Lease;
  #renewal: Promise<void> | undefined;
  #ended = false;

  private constructor(dataDirectory: string, lease: Lease, lastsMs: number, log: Logger) {
    this.#lastsMs = lastsMs;
    this.#dataDirectory = dataDirectory;
    this.#directory = leaseDirectory(dataDirectory);
    this.#lease = lease;
    this.#log = log;
    this.lost = new Promise((_, reject) => {
      this.#reportLoss = reject;
    });
    this.lost.catch(() => undefined); // a caller may choose not to await it
    this.#timer = setInterval(
      () => {
        this.#renewal ??= this.#renew().finally(() => (this.#renewal = undefined));
      },
      (lastsMs * renewalMs) / leaseMs,
    ).unref();
  }

  /**
   * Takes the lease of an existing data directory. If there is no way to tell whether the holder is alive, waits for the
   * duration of a lease.
   *
   * @throws UserError if another coordinator holds it, or the directory cannot be written
   */
  static async take(dataDirectory: string, log: Logger, options: LeaseOptions = {}): Promise<DataLease> {
    const lasts = options.leaseMs ?? leaseMs;
    const directory = leaseDirectory(dataDirectory);
    try {
      mkdirSync(directory, { recursive: true });
    } catch (error) {
      throw new UserError(`DATA_DIR ${dataDirectory} cannot be written: ${(error as Error).message}`, { cause: error });
    }
    const present = currentLease(directory);
    if (present !== undefined && (await isHeld(directory, present, dataDirectory, lasts, log)))
      throw inUse(dataDirectory, present);
    const lease = { token: (present?.token ?? 0) + 1, holder: thisProcess(), renewals: 0, released: false };
    if (!claim(directory, lease, dataDirectory)) throw inUse(dataDirectory, currentLease(directory));
    // Another contender may have taken and released the same token since this one looked.
    if (tokens(directory).at(-1) !== lease.token) throw inUse(dataDirectory, currentLease(directory));
    for (const token of tokens(directory)) if (token < lease.token) rmSync(pathOf(directory, token), { force: true });
    return new DataLease(dataDirectory, lease, lasts, log);
  }

  /**
   * Checks that no other coordinator has taken over. Cheap: it lists a directory of one file.
   *
   * @throws LeaseLost if one has
   */
  assertHeld(): void {
    if (!this.#ended && tokens(this.#directory).at(-1) === this.#lease.token) {
      if (performance.now() - this.#renewedAt < this.#lastsMs || this.#retake()) return;
    }
    throw new LeaseLost(
      `DATA_DIR ${this.#dataDirectory} is in use by another coordinator, which took over while this one did not respond`,
    );
  }

  /** Releases the lease, so that the next coordinator need not wait. */
  async release(): Promise<void> {
    if (this.#ended) return;
    this.#end();
    await this.#renewal;
    try {
      await writeAtomically(pathOf(this.#directory, this.#lease.token), leaseText({ ...this.#lease, released: true }));
    } catch (error) {
      this.#log.warn({ error }, `the lease of DATA_DIR ${this.#dataDirectory} was not released; it expires by itself`);
    }
  }

  /**
   * Takes the next token after the lease has expired. Returns false if another coordinator was faster.
   *
   * @throws UserError if the directory cannot be written
   */
  #retake(): boolean {
    const lease = { ...this.#lease, token: this.#lease.token + 1, renewals: 0 };
    if (!claim(this.#directory, lease, this.#dataDirectory)) return false;
    rmSync(pathOf(this.#directory, this.#lease.token), { force: true });
    this.#lease = lease;
    this.#renewedAt = performance.now();
    return true;
  }

  async #renew(): Promise<void> {
    try {
      this.assertHeld();
      const began = performance.now();
      this.#lease = { ...this.#lease, renewals: this.#lease.renewals + 1 };
      await writeAtomically(pathOf(this.#directory, this.#lease.token), leaseText(this.#lease));
      this.#renewedAt = Math.max(this.#renewedAt, began);
    } catch (error) {
      if (error instanceof LeaseLost) {
        this.#end();
        this.#reportLoss(error);
      } else this.#log.warn({ error }, `the lease of DATA_DIR ${this.#dataDirectory} was not renewed`);
    }
  }

  #end(): void {
    this.#ended = true;
    clearInterval(this.#timer);
  }
}

/**
 * Whether the holder is alive: watches until it renews its lease or the lease expires. Does not wait if the holder was a process
 * of this machine that has ended.
 */
async function isHeld(
  directory: string,
  seen: Lease,
  dataDirectory: string,
  lasts: number,
  log: Logger,
): Promise<boolean> {
  if (seen.released) return false;
  const own = thisProcess();
  const isNear = seen.holder.scope !== '' && seen.holder.scope === own.scope;
  if (isNear && startOf(seen.holder.pid) !== seen.holder.started) return false;
  log.info(
    { holder: seen.holder },
    `DATA_DIR ${dataDirectory}: waiting up to ${lasts / 1000} s to see whether ${nameOf(seen.holder)} is alive`,
  );
  const polls = 10;
  for (let poll = 0; poll < polls; poll++) {
    await delay(lasts / polls);
    const now = currentLease(directory);
    if (now === undefined || now.released) return false;
    if (now.token !== seen.token || now.renewals !== seen.renewals) return true;
  }
  return false;
}

/**
 * Creates the file of a lease's token. Returns false if another coordinator was faster.
 *
 * @throws UserError if the file cannot be written
 */
function claim(directory: string, lease: Lease, dataDirectory: string): boolean {
  try {
    writeFileSync(pathOf(directory, lease.token), leaseText(lease), { flag: 'wx', flush: true });
    return true;
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw new UserError(`DATA_DIR ${dataDirectory} cannot be written: ${(error as Error).message}`, { cause: error });
  }
}

function inUse(dataDirectory: string, lease: Lease | undefined): UserError {
  const by = lease === undefined ? '' : ` (${nameOf(lease.holder)})`;
  return new UserError(
    `DATA_DIR ${dataDirectory} is in use by another coordinator${by}; stop it, or choose another directory`,
  );
}

function nameOf({ pid, host }: Holder): string {
  return `process ${pid} on ${host}`;
}

function leaseDirectory(dataDirectory: string): string {
  return join(dataDirectory, '.lease');
}

function pathOf(directory: string, token: number): string {
  return join(directory, `${String(token).padStart(6, '0')}.json`);
}

/** Lists the tokens that were taken and whose files have not been removed, ascending. */
function tokens(directory: string): readonly number[] {
  return readdirSync(directory)
    .flatMap((name) => /^(\d+)\.json$/.exec(name)?.[1] ?? [])
    .map(Number)
    .sort((a, b) => a - b);
}

/** Returns the newest lease; undefined if there is none. A file left empty by a crash counts as released. */
function currentLease(directory: string): Lease | undefined {
  const token = tokens(directory).at(-1);
  if (token === undefined) return undefined;
  try {
    return leaseSchema.parse(JSON.parse(readFileSync(pathOf(directory, token), 'utf8')));
  } catch {
    const holder = { id: '', host: 'unknown', pid: 0, scope: '', started: '' };
    return { token, holder, renewals: 0, released: true };
  }
}

function leaseText(lease: Lease): string {
  return `${JSON.stringify(lease)}\n`;
}

const id = randomUUID();

function thisProcess(): Holder {
  const { pid } = process;
  return { id, host: hostname(), pid, scope: processScope(), started: startOf(pid) ?? '' };
}

/** Returns the scope of process ids on Linux; empty elsewhere, so that a lease ends only by release or expiry. */
function processScope(): string {
  try {
    const boot = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8').trim();
    return `${boot} ${readlinkSync('/proc/self/ns/pid')}`;
  } catch {
    return '';
  }
}

/** Returns when a process of this machine started; undefined if no process has that id. */
function startOf(pid: number): string | undefined {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, 'utf8');
    // The second field, in parentheses, can contain spaces; the start is the 22nd.
    return stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19];
  } catch {
    return undefined;
  }
}
