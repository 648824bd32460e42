/** The benchmarks: npm run bench -- [--only NAME,NAME] [--json]. Ratios are taken within one run of one process. */
import { parseArgs } from 'node:util';
import { engineBench } from './engine.js';
import { memoryBench } from './memory.js';
import { objectivesBench } from './objectives.js';
import { rewardsBench } from './rewards.js';
import { samplingBench } from './sampling.js';
import { stepBench } from './step.js';
import { transferBench } from './transfer.js';

/** Each part by its name; its keys begin with the name. */
const parts: Readonly<Record<string, () => Promise<Record<string, number>>>> = {
  engine: engineBench,
  memory: memoryBench,
  objectives: objectivesBench,
  rewards: rewardsBench,
  sampling: samplingBench,
  transfer: transferBench,
  step: stepBench,
};

const help = `Usage: npm run bench -- [--only ${Object.keys(parts).join(',')}] [--json]

Measures this machine and prints a figure a line; with --json one JSON object on the last line.

Example: npm run bench -- --only objectives --json
`;

const { values } = parseArgs({
  options: { only: { type: 'string' }, json: { type: 'boolean' }, help: { type: 'boolean' } },
});
const chosen = values.only?.split(',') ?? Object.keys(parts);
const unknown = chosen.filter((name) => parts[name] === undefined);
if (values.help === true) process.stdout.write(help);
else if (unknown.length > 0) {
  process.stderr.write(`--only has ${unknown.join(', ')}; there are ${Object.keys(parts).join(', ')}\n`);
  process.exitCode = 2;
} else {
  const figures: Record<string, number> = {};
  for (const name of chosen) {
    process.stderr.write(`measuring ${name} ...\n`);
    Object.assign(figures, await parts[name]?.());
  }
  if (values.json === true) console.log(JSON.stringify(figures));
  else for (const [name, figure] of Object.entries(figures)) console.log(`${name.padEnd(32)} ${figure.toPrecision(4)}`);
}
