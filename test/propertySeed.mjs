// Loaded before each test file: gives all property tests one seed, so that a commit that passed passes again.
// PROPERTY_SEED=N tries other inputs; PROPERTY_SEED=random takes a new seed for each property, and prints it on failure.
import process from 'node:process';
import fc from 'fast-check';

const seed = process.env.PROPERTY_SEED ?? '1';
if (seed !== 'random') {
  const number = Number(seed);
  if (!Number.isInteger(number)) throw new Error(`PROPERTY_SEED is '${seed}': give an integer or 'random'`);
  fc.configureGlobal({ ...fc.readConfigureGlobal(), seed: number });
}
