/** Decides whether a reader handled an input correctly. */
import { RpcError } from '@gapo/rpc';
import { isExpected } from '@gapo/service';
import type { Target } from './target.js';

/** Maximum characters of a line and of a whole message: more would quote the input at length. */
const longestLine = 2000;
const longestMessage = 60_000;

/** Misbehaviour of a reader. */
export class Fault extends Error {
  override readonly name = 'Fault';
  /** Equal for inputs that fail in the same way. */
  readonly signature: string;

  constructor(signature: string, what: string) {
    super(what);
    this.signature = signature;
  }
}

const prototypes: readonly object[] = [Object.prototype, Array.prototype, Function.prototype, String.prototype];
const own = prototypes.map((prototype) => Reflect.ownKeys(prototype).length);

/**
 * Reads an input.
 *
 * @throws Fault if the reader fails in an unexpected way, quotes too much, or changes a prototype
 */
export async function attempt(target: Target, input: unknown): Promise<void> {
  try {
    await target.read(input as never);
  } catch (error) {
    assertExpected(error, target.place ?? '', target.expects);
  }
  for (const [index, prototype] of prototypes.entries()) {
    const added = Reflect.ownKeys(prototype).slice(own[index]);
    if (added.length === 0) continue;
    for (const key of added) Reflect.deleteProperty(prototype, key);
    throw new Fault('pollution', `a prototype got the properties ${added.map(String).join(', ')}`);
  }
}

function assertExpected(error: unknown, place: string, expects: Target['expects']): void {
  if (error instanceof Fault) throw error;
  if (!(error instanceof RpcError) && !isExpected(error) && expects?.(error) !== true) {
    const { stack = String(error) } = error instanceof Error ? error : {};
    const frame = /^ +at .*?(?:services|examples|test)\/.*$/m.exec(stack)?.[0] ?? '';
    throw new Fault(`${error instanceof Error ? error.name : typeof error}${frame}`, stack.slice(0, 1500));
  }
  const { message } = error as { readonly message: string };
  const start = message.slice(0, 300);
  if (!message.includes(place))
    throw new Fault(`place${shape(message)}`, `the message does not name ${place}: ${start}`);
  const line = Math.max(...message.split('\n').map(({ length }) => length));
  if (line > longestLine || message.length > longestMessage) {
    throw new Fault(`length${shape(message)}`, `a message has ${message.length} characters, a line ${line}: ${start}`);
  }
}

/** The first words of a message. */
function shape(message: string): string {
  return message.replaceAll(/[^a-z ]/gi, '').slice(0, 40);
}
