// The release of this package and the protocol that it speaks. Processes for which both match are compatible.
import { createHash } from 'node:crypto';
import { readFileSync } from 'node:fs';
import { descriptors } from './gen/descriptors.js';

/** What two processes must have in common. */
export interface Protocol {
  /** The release, for example `0.1.0`. */
  readonly version: string;
  /** The first 12 hexadecimal digits of a SHA-256 over every message and service of this project. */
  readonly protocol: string;
}

let known: Protocol | undefined;

/** Returns the release and the protocol of this process. */
export function ownProtocol(): Protocol {
  known ??= { version: release(), protocol: protocolHash() };
  return known;
}

function release(): string {
  const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
    version?: unknown;
  };
  return String(version);
}

function protocolHash(): string {
  const hash = createHash('sha256');
  const own = Object.entries(descriptors).filter(([file]) => file.startsWith('gapo/'));
  for (const [file, descriptor] of own.sort(([a], [b]) => (a < b ? -1 : 1))) hash.update(`${file} ${descriptor}\n`);
  return hash.digest('hex').slice(0, 12);
}
