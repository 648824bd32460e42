/**
 * Which workers may share a run: they must match this coordinator's release, and all workers of a kind must have the same
 * build and environment.
 */
import { ownProtocol, type IdentifyResponse } from '@gapo/rpc';
import { PauseNeeded } from '../state/interruption.js';
import type { WorkersRecord } from '../state/trainingState.js';

/** Whether a worker may serve. */
export interface Verdict {
  /** Why not. */
  readonly problem?: string;
  /** How its results may differ, if that is allowed. */
  readonly warning?: string;
}

/**
 * The build and environment that the workers of a pool agree on. The first worker sets the reference; it lasts as long as
 * any of them serves or a run holds it.
 */
export class Agreement {
  readonly #what: string;
  readonly #allowUnlike: boolean;
  #reference: WorkersRecord | undefined;
  #holds = 0;

  /**
   * @param what name of a worker in messages
   * @param allowUnlike whether workers with a different environment are admitted, with a warning
   */
  constructor(what: string, allowUnlike: boolean) {
    this.#what = what;
    this.#allowUnlike = allowUnlike;
  }

  /** Undefined until the first worker sets it. */
  get reference(): WorkersRecord | undefined {
    return this.#reference;
  }

  /** Decides whether a worker may serve. */
  admit(worker: IdentifyResponse): Verdict {
    const { build, environment } = worker;
    const problem =
      protocolProblem(worker) ??
      (this.#reference && (engineProblem(environment, this.#reference) ?? buildProblem(worker, this.#reference)));
    if (problem !== undefined) return { problem };
    const unlike = this.#reference && environmentProblem(environment, this.#reference.environment);
    this.#reference = { environment: this.#reference?.environment ?? environment, build };
    if (unlike === undefined) return {};
    const differs = `it has ${unlike}, so its results may differ in the last bits`;
    if (this.#allowUnlike) return { warning: differs };
    return { problem: `${differs}; give all ${this.#what}s of a run the same, or set UNLIKE_WORKERS=allow` };
  }

  /**
   * Keeps the reference until the returned function is called.
   *
   * @param recorded the reference that a run needs; undefined if it has none yet
   * @throws PauseNeeded if a different reference is set
   */
  hold(recorded: WorkersRecord | undefined): () => void {
    this.#reference ??= recorded && { environment: recorded.environment, build: undefined };
    const unlike = (): string | undefined =>
      recorded && this.#reference && environmentProblem(this.#reference.environment, recorded.environment);
    const found = unlike();
    const others = recorded && this.#reference && engineProblem(this.#reference.environment, recorded);
    if (found !== undefined && (others !== undefined || !this.#allowUnlike)) {
      const check = async (): Promise<void> => {
        const present = unlike();
        if (present !== undefined) throw new Error(`the present ones have ${present}`);
      };
      const [means, remedy] =
        others === undefined
          ? ['its results would differ in the last bits', 'start such workers, or set UNLIKE_WORKERS=allow']
          : ['its results would differ', 'start such workers'];
      throw new PauseNeeded(
        `the ${this.#what}s have ${found}, which the run was trained with, so ${means}; ${remedy}`,
        { waitingFor: `${this.#what}s like those before`, check },
      );
    }
    this.#holds += 1;
    return () => void (this.#holds -= 1);
  }

  /** Forgets the reference unless a run holds it. The next worker then sets a new one. */
  forget(): void {
    if (this.#holds === 0) this.#reference = undefined;
  }
}

/** Returns why a worker's protocol is incompatible with this coordinator's; undefined if it is compatible. */
function protocolProblem({ version, protocol }: IdentifyResponse): string | undefined {
  const own = ownProtocol();
  if (version === own.version && protocol === own.protocol) return undefined;
  return (
    `it is release ${version} with protocol ${protocol}, this coordinator is release ${own.version} with protocol ` +
    `${own.protocol}; run the same release of both`
  );
}

/** Returns how a worker's build differs from that of the others; undefined if it is the same. */
function buildProblem({ build }: IdentifyResponse, reference: WorkersRecord): string | undefined {
  if (reference.build === undefined || build === reference.build) return undefined;
  return `it is build ${build}, the others are build ${reference.build}; run the same build everywhere`;
}

/** Returns the engine that workers compute with: `native`, or the engine of the servers they call. */
export function engineOf(environment: Readonly<Record<string, string>>): string {
  return environment['engine'] ?? 'native';
}

/** Returns why a worker with a different engine cannot share a run with the others; undefined if the engine is the same. */
function engineProblem(environment: Readonly<Record<string, string>>, reference: WorkersRecord): string | undefined {
  const [own, others] = [engineOf(environment), engineOf(reference.environment)];
  return own === others ? undefined : `its engine is ${own}, the others' is ${others}; give all the same engine`;
}

/** Returns how an environment differs from another, such as `threads 2 instead of 4`; undefined if it does not. */
function environmentProblem(
  environment: Readonly<Record<string, string>>,
  expected: Readonly<Record<string, string>>,
): string | undefined {
  const names = [...new Set([...Object.keys(expected), ...Object.keys(environment)])];
  const unlike = names.filter((name) => environment[name] !== expected[name]);
  if (unlike.length === 0) return undefined;
  return unlike.map((name) => `${name} ${shown(environment[name])} instead of ${shown(expected[name])}`).join(', ');
}

function shown(value: string | undefined): string {
  return value === undefined || value === '' ? 'unknown' : value;
}
