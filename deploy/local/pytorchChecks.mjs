// The checks of engines/pytorch in Python: generated messages, format, types, tests. PYTORCH_PYTHON is a Python with the packages of
// engines/pytorch/constraints.txt; by default the one that `testTools.mjs --pytorch` has installed.
import { spawnSync } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { toolEnvironment } from './testTools.mjs';

const python = process.env.PYTORCH_PYTHON || toolEnvironment().PYTORCH_PYTHON;
if (python === undefined) {
  console.error('PYTORCH_PYTHON names no Python, and none is installed: node deploy/local/testTools.mjs --pytorch');
  process.exit(2);
}
const checks = [
  ['generate.py', '--check'],
  ['-m', 'ruff', 'check'],
  ['-m', 'ruff', 'format', '--check'],
  ['-m', 'mypy'],
  ['-m', 'pytest', '--quiet'],
];
for (const args of checks) {
  console.error(`python ${args.join(' ')}`);
  const cwd = fileURLToPath(new URL('../../engines/pytorch', import.meta.url));
  const { status } = spawnSync(python, args, { cwd, env: { ...process.env, PYTHONPATH: 'src' }, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}
