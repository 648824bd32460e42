// Describes the processes of test files that do not end: which tests have not ended is not enough to know why.
//
// Loaded before each test file, it makes Node write a diagnostic report when the process receives SIGUSR2.
import { rmSync } from 'node:fs';
import { mkdtemp, readFile, readdir } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join, relative } from 'node:path';
import process from 'node:process';
import { setTimeout } from 'node:timers/promises';
import { isMainThread } from 'node:worker_threads';

/** Names the folder of reports to the processes of test files. */
const folderVariable = 'GAPO_TEST_REPORTS';
const signal = 'SIGUSR2';
/** A thread that does not return to its event loop writes no report. */
const reportWaitMs = 10_000;

const folder = process.env[folderVariable];
if (isMainThread && folder !== undefined) {
  Object.assign(process.report, {
    reportOnSignal: true,
    signal,
    directory: folder,
    compact: true,
    excludeNetwork: true,
  });
}

/** Makes a folder for the reports of processes that are started from now on; the caller removes it. */
export async function prepareReports() {
  const directory = await mkdtemp(join(tmpdir(), 'gapo-reports-'));
  process.env[folderVariable] = directory;
  return { directory, remove: () => rmSync(directory, { recursive: true, force: true }) };
}

/** This process's children as `{ pid, args }`; none on a system without /proc. */
async function children() {
  const found = [];
  for (const pid of await readdir('/proc').catch(() => [])) {
    if (!/^\d+$/.test(pid)) continue;
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => '');
    // pid (name) state ppid …; the name may contain anything.
    const parent = Number(stat.slice(stat.lastIndexOf(')') + 2).split(' ')[1]);
    if (parent !== process.pid) continue;
    const args = await readFile(`/proc/${pid}/cmdline`, 'utf8').catch(() => '');
    found.push({ pid: Number(pid), args: args.split('\0').filter((arg) => arg !== '') });
  }
  return found;
}

function describeHandle({ type, fd, localEndpoint: local, remoteEndpoint: remote, pid, firesInMsFromNow }) {
  const end = (endpoint) => (endpoint ? `${endpoint.host}:${endpoint.port}` : '-');
  if (type === 'tcp') return `tcp ${end(local)} to ${end(remote)}`;
  if (type === 'process') return `process ${pid}`;
  if (type === 'timer') return `timer in ${firesInMsFromNow} ms`;
  return fd === undefined ? type : `${type} ${fd}`;
}

function describeReport(report) {
  const kept = report.libuv.filter(({ is_active: active, is_referenced: referenced }) => active && referenced);
  const threads = report.workers.length;
  return `waits for ${kept.map(describeHandle).join(', ') || 'no handle'}${threads === 0 ? '' : `, ${threads} threads`}`;
}

/** Lines about each child that runs a test file: what keeps its event loop alive. Kills them then. */
export async function describeHangs(directory) {
  const lines = [];
  const hung = [];
  for (const { pid, args } of await children()) {
    const file = args.find((arg) => arg.endsWith('.spec.js'));
    if (file === undefined) continue;
    lines.push(`still running: ${relative('.', file)} (process ${pid})`);
    hung.push(pid);
    process.kill(pid, signal);
    let name;
    for (let waited = 0; name === undefined && waited < reportWaitMs; waited += 100) {
      await setTimeout(100);
      name = (await readdir(directory)).find((one) => one.includes(`.${pid}.`));
    }
    if (name === undefined) lines.push(`  has not returned to its event loop for ${reportWaitMs / 1000} s`);
    else {
      await setTimeout(500); // The file is written in pieces.
      lines.push(`  ${describeReport(JSON.parse(await readFile(join(directory, name), 'utf8')))}`);
    }
  }
  for (const pid of hung) process.kill(pid, 'SIGKILL');
  return lines;
}
