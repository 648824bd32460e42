/**
 * `make fuzz`: reads damaged inputs with every parser. RUNS is the number of inputs, SEED selects them, and TARGET names one or
 * more targets, separated by commas.
 */
import { fuzz } from './fuzz.js';

const { RUNS = '1000000', SEED = '1', TARGET = '' } = process.env;
const inputs = Number(RUNS);
const seed = Number(SEED);
if (!Number.isSafeInteger(inputs) || inputs < 1 || !Number.isSafeInteger(seed)) {
  console.error(`RUNS is ${RUNS} and SEED ${SEED}; expected whole numbers, RUNS at least 1`);
  process.exit(2);
}

const started = performance.now();
let shown = started;
const results = await fuzz({
  inputs,
  seed,
  ...(TARGET !== '' && { only: TARGET.split(',') }),
  found({ signature, what, input }, target) {
    console.log(`${target}: ${signature}\n  ${what.replaceAll('\n', '\n  ')}\n  input: ${input}`);
  },
  progress(read, target) {
    const now = performance.now();
    if (now - shown < 5000) return;
    shown = now;
    const seconds = (now - started) / 1000;
    const eta = Math.round((seconds / Math.max(read, 1)) * (inputs - read));
    console.error(`${read} of ${inputs} inputs, ${target}, ${Math.round(read / seconds)} a second, ${eta} s left`);
  },
});
let [passed, failed] = [0, 0];
for (const { target, inputs: read, failed: bad, seconds, slowestMs } of results) {
  passed += read - Math.min(read, bad);
  failed += bad;
  const rate = Math.round(read / seconds);
  console.log(
    `${target.padEnd(20)} ${read} inputs, ${bad} failed, ${rate} a second, slowest ${Math.ceil(slowestMs)} ms`,
  );
}
console.log(`seed ${seed}, ${Math.round((performance.now() - started) / 1000)} s`);
console.log(`${passed} passed, ${failed} failed`);
process.exitCode = failed === 0 ? 0 : 1;
