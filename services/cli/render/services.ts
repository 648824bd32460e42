/** Formats the table of running services. */
import type { UpState } from '../processes/upFile.js';
import { table } from './table.js';

/** Returns the services with their addresses and logs, and the main URLs. */
export function servicesTable(state: UpState): string {
  const rows = state.services.map(({ name, does, address, pid, log }) => [
    name,
    does,
    address,
    pid === undefined ? '-' : String(pid),
    log ?? '-',
  ]);
  return [
    table(['service', 'what it does', 'address', 'pid', 'log'], rows, [3]),
    '',
    `Web page: ${state.page}`,
    `Coordinator: ${state.coordinator}`,
    `Events: ${state.nats ?? 'within the coordinator (no NATS)'}`,
  ].join('\n');
}
