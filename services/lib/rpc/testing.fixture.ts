/** `@gapo/rpc/testing`, for the tests of every package: the definitions of all messages and services of proto/. */
export { messageDefinition, packageDefinition } from './definitions.js';
