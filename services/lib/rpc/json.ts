/**
 * A message as JSON: the format of events, the gateway's API, `--json` and the web page.
 *
 * - Names are lowerCamelCase. An enum is the name of its value, RUN_STATE_RUNNING. A Timestamp is RFC 3339. Bytes are base64.
 * - Every field is present, with its default if it is not set. Only unset fields without a default are omitted: `optional` fields,
 *   messages and members of a oneof.
 * - A non-finite number is null.
 * - 64-bit integers are numbers, where canonical proto3 JSON has strings: see loaderOptions.ts.
 */
import { messageDefinition, packageDefinition } from './definitions.js';
import type { JsonMessages } from './gen/jsonMessages.js';

/** A message, by its full name: `gapo.training.v1.StepReport`. */
export type MessageName = keyof JsonMessages;

/** A message as a caller writes it: omitted fields have their defaults. */
export type MessageInput<M extends MessageName> = JsonMessages[M]['input'];

/** A message as JSON. */
export type MessageJson<M extends MessageName> = JsonMessages[M]['json'];

type Fields = Readonly<Record<string, unknown>>;

/** The parts of a google.protobuf.DescriptorProto that the walk reads. */
interface Descriptor {
  readonly name: string;
  readonly field: readonly { readonly name: string; readonly typeName: string }[];
  readonly nestedType: readonly Descriptor[];
  readonly options: { readonly mapEntry: boolean } | null;
}

/**
 * Returns the message as JSON.
 *
 * @throws TypeError if the message does not fit its descriptor
 */
export function toJson<M extends MessageName>(name: M, message: MessageInput<M>): MessageJson<M> {
  const { serialize, deserialize } = messageDefinition(name);
  // Encodes and decodes the message: this fills in defaults and enum names, so the JSON is what a receiver would see.
  return messageJson(name, deserialize(serialize(message))) as MessageJson<M>;
}

/** Returns the names of a message's fields, in their order. */
export function fieldNames(name: MessageName): readonly string[] {
  return descriptorOf(name).field.map((field) => field.name);
}

/** @param descriptor of the message; the descriptor of a nested message is part of the outer one */
function messageJson(name: string, message: Fields, descriptor = descriptorOf(name)): unknown {
  if (name === 'google.protobuf.Timestamp') return rfc3339(message as { seconds: number; nanos: number });
  const { field: fields, nestedType } = descriptor;
  const scope = { name, nestedType };
  const members = fields.flatMap(({ name: key, typeName }) => {
    const value = message[key];
    if (value === null || value === undefined) return [];
    const entry = nestedType.find(({ name: nested, options }) => nested === typeName && options?.mapEntry);
    if (entry === undefined) return [[key, valueJson(value, typeName, scope)]];
    // A map: its type is a list of entries, each with a key and a value.
    const valueType = entry.field[1]?.typeName ?? '';
    const entries = Object.entries(value).map(([at, item]) => [at, valueJson(item, valueType, scope)]);
    return [[key, Object.fromEntries(entries)]];
  });
  return Object.fromEntries(members);
}

/** The message in which a type is referenced. */
type Scope = Pick<Descriptor, 'name' | 'nestedType'>;

function valueJson(value: unknown, typeName: string, scope: Scope): unknown {
  if (Array.isArray(value)) return value.map((item) => valueJson(item, typeName, scope));
  if (typeof value === 'number') return Number.isFinite(value) ? value : null;
  if (value instanceof Uint8Array) return Buffer.from(value).toString('base64');
  if (typeof value !== 'object') return value;
  const nested = scope.nestedType.find(({ name }) => name === typeName);
  if (nested !== undefined) return messageJson(`${scope.name}.${typeName}`, value as Fields, nested);
  return messageJson(resolved(typeName, scope.name), value as Fields);
}

/** Returns the full name of a type referenced in the message `scope`. The innermost scope wins, as in a proto file. */
function resolved(typeName: string, scope: string): string {
  for (let within = scope; within !== ''; within = within.slice(0, Math.max(0, within.lastIndexOf('.')))) {
    const candidate = `${within}.${typeName}`;
    if (candidate in packageDefinition()) return candidate;
  }
  return typeName;
}

const descriptorOf = (name: string): Descriptor => messageDefinition(name).type as Descriptor;

function rfc3339({ seconds, nanos }: { seconds: number; nanos: number }): string {
  return new Date(seconds * 1000 + nanos / 1e6).toISOString();
}
