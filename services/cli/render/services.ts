/** The table of what runs where. */
import type { UpState } from '../processes/upFile.js';
import { table } from './table.js';

/** The services, their addresses and logs, and where to go from here. */
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
