/** A process that passes one point until its faults stop it: its arguments are the faults and the number of passes. */
import { faultPoint, injectFaults } from './mod.js';

const [, , faults = '', passes = '1'] = process.argv;
injectFaults(faults);
for (let pass = 1; pass <= Number(passes); pass++) {
  faultPoint('file.write', `pass ${pass}`);
  process.stdout.write(`passed ${pass}\n`);
}
