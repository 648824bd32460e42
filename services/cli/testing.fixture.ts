/** `@gapo/cli/testing`, for the tests of other packages: the commands and their options. */
export { gapoProgram } from './program.js';
