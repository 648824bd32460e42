// How messages look in JavaScript: the options that both the loader (definitions.ts) and the generator of the types
// (types.gen.mjs) use, so that the types match what the loader does.
import type { Options } from '@grpc/proto-loader';

/**
 * Options of proto-loader.
 *
 * - Fields are camelCase.
 * - 64-bit integers are numbers. In these protos they count things (steps, tokens, bytes, versions, seeds) and stay below 2^53, up to
 *   which a double represents every integer. Settings reject larger seeds.
 * - Enums are the names of their values, such as 'RUN_STATE_RUNNING'.
 * - Unset scalars have their default, unset lists are empty, unset messages are null, unset `optional` fields are absent.
 * - A oneof adds a field that names the member that is set: `message.part === 'header'`.
 */
export const loaderOptions = {
  keepCase: false,
  longs: Number,
  enums: String,
  defaults: true,
  arrays: true,
  objects: false,
  oneofs: true,
} as const satisfies Options;
