/** A file of tokens, read again when it changes. */
import { timingSafeEqual } from 'node:crypto';
import { setMaxListeners } from 'node:events';
import { readFile } from 'node:fs/promises';
import { RpcError } from '@gapo/rpc';
import { ConfigError, isExpected, parseYaml, UserError, type Logger } from '@gapo/service';
import type { Caller } from './roles.js';
import { tokenHash, tokensSchema, type TokenEntry } from './tokens.js';

/** How often the file is read. A Kubernetes Secret is replaced by a link, which watching misses. */
const refreshMs = 5000;

/** The largest file, in bytes: some 10,000 tokens. */
const largestFile = 2 ** 21;

interface KnownToken extends Caller {
  readonly hash: Buffer;
  /** Aborted when the file no longer has the token under this name with this role. */
  readonly revocation: AbortController;
}

/** The tokens of a file. */
export class TokenFile {
  readonly #path: string;
  readonly #log: Pick<Logger, 'info' | 'warn'>;
  readonly #timer: NodeJS.Timeout;
  #text: string;
  #tokens: readonly KnownToken[];
  #lastProblem: string | undefined;

  private constructor(path: string, log: Pick<Logger, 'info' | 'warn'>, text: string) {
    this.#path = path;
    this.#log = log;
    this.#text = text;
    this.#tokens = parse(text, path);
    this.#timer = setInterval(() => void this.refresh(), refreshMs);
    this.#timer.unref();
  }

  /**
   * Reads a file of tokens: a list of `{name, role, sha256}` in YAML or JSON.
   *
   * @throws UserError, ConfigError that names what is wrong with it
   */
  static async open(path: string, log: Pick<Logger, 'info' | 'warn'>): Promise<TokenFile> {
    return new TokenFile(path, log, await read(path));
  }

  /** Returns who has a token; undefined if nobody does. It takes as long for a wrong token as for a right one. */
  callerOf(token: string): Caller | undefined {
    const hash = Buffer.from(tokenHash(token), 'hex');
    let found: KnownToken | undefined;
    for (const known of this.#tokens) if (timingSafeEqual(known.hash, hash)) found = known;
    return found && { name: found.name, role: found.role, revoked: found.revocation.signal };
  }

  /** Reads the file now. While it cannot be read, the tokens before stay. */
  async refresh(): Promise<void> {
    try {
      const text = await read(this.#path);
      const unchanged = text === this.#text;
      if (!unchanged) this.#replace(parse(text, this.#path));
      this.#text = text;
      const recovered = this.#lastProblem !== undefined;
      this.#lastProblem = undefined;
      if (unchanged && !recovered) return;
      this.#log.info(`TOKENS_FILE was read again: ${this.#tokens.length} tokens`);
    } catch (error) {
      const problem = isExpected(error) ? error.message : String(error);
      if (problem !== this.#lastProblem) this.#log.warn(`the tokens in use stay: ${problem}`);
      this.#lastProblem = problem;
    }
  }

  /** Takes over the tokens of the file. Those that stay as they are stay the same objects; the others are revoked. */
  #replace(tokens: readonly KnownToken[]): void {
    const before = this.#tokens;
    const isSame = (a: KnownToken, b: KnownToken): boolean =>
      a.name === b.name && a.role === b.role && a.hash.equals(b.hash);
    this.#tokens = tokens.map((token) => before.find((known) => isSame(known, token)) ?? token);
    for (const { name, revocation } of before.filter((known) => !this.#tokens.includes(known))) {
      const why = `the token of ${name} was removed from TOKENS_FILE, or has another role now`;
      revocation.abort(new RpcError('UNAUTHENTICATED', why));
    }
  }

  /** Stops reading. */
  close(): void {
    clearInterval(this.#timer);
  }
}

async function read(path: string): Promise<string> {
  try {
    const text = await readFile(path, 'utf8');
    if (text.length <= largestFile) return text;
  } catch (error) {
    throw new UserError(`TOKENS_FILE ${path} cannot be read: ${(error as Error).message}`, { cause: error });
  }
  throw new UserError(`TOKENS_FILE ${path} is larger than ${largestFile} bytes`);
}

function parsed(text: string, source: string): readonly TokenEntry[] {
  try {
    return parseYaml(tokensSchema, text, { source });
  } catch (error) {
    if (!(error instanceof ConfigError)) throw error;
    // Not what was found: it may be a token in place of its hash.
    const problems = error.problems.map(({ path, line, column, expected }) => ({
      path,
      ...(line !== undefined && { line }),
      ...(column !== undefined && { column }),
      found: 'another value',
      expected,
    }));
    throw new ConfigError(source, problems);
  }
}

function parse(text: string, path: string): readonly KnownToken[] {
  const entries = parsed(text, `TOKENS_FILE ${path}`);
  return entries.map(({ name, role, sha256 }) => {
    const revocation = new AbortController();
    setMaxListeners(0, revocation.signal); // one for each stream of its owner
    return { name, role, hash: Buffer.from(sha256, 'hex'), revocation };
  });
}
