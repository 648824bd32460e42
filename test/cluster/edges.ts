/** Tries every connection between pods of the release and compares the result with what the chart's NetworkPolicies admit. */
import { say } from '../processes/program.js';
import { get, kubectl } from './programs.js';

interface Pods {
  items: {
    metadata: { name: string; labels: Record<string, string> };
    spec: { containers: { ports?: { containerPort: number; name: string }[] }[] };
    status: { podIP: string };
  }[];
}
interface Rule {
  from?: { podSelector?: { matchLabels: Record<string, string> } }[];
  ports?: { port?: number }[];
}
interface Policies {
  items: { spec: { podSelector: { matchLabels: Record<string, string> }; ingress?: Rule[] } }[];
}

/** The script for connection attempts in a pod. It prints, by target, whether the connection opened. */
const script = `
  const net = require('node:net');
  const targets = JSON.parse(process.argv[1]);
  const open = (target) => new Promise((resolve) => {
    const [host, port] = target.split(':');
    const socket = net.connect({ host, port: Number(port), timeout: 3000 });
    const end = (opened) => { socket.destroy(); resolve([target, opened]); };
    socket.on('connect', () => end(true)).on('timeout', () => end(false)).on('error', () => end(false));
  });
  Promise.all(targets.map(open)).then((results) => console.log(JSON.stringify(results)));`;

const componentOf = (labels: Record<string, string>): string => labels['app.kubernetes.io/component'] ?? '';

function selects(selector: Record<string, string>, labels: Record<string, string>): boolean {
  return Object.entries(selector).every(([key, value]) => labels[key] === value);
}

/** Connections that are open as expected, unexpectedly closed, unexpectedly open, and closed as expected. */
export interface EdgeReport {
  open: string[];
  missing: string[];
  exposed: string[];
  closed: string[];
}

/**
 * Tries them all, from every pod that has Node.js.
 *
 * @throws Error if a pod cannot try
 */
export function tryEdges(namespace: string): EdgeReport {
  const pods = get<Pods>('-n', namespace, 'pods', '--field-selector', 'status.phase=Running').items;
  const policies = get<Policies>('-n', namespace, 'networkpolicies').items;
  const admitted = (from: Record<string, string>, to: Record<string, string>, port: number): boolean =>
    policies
      .filter(({ spec }) => selects(spec.podSelector.matchLabels, to))
      .flatMap(({ spec }) => spec.ingress ?? [])
      .some(
        ({ from: peers, ports = [] }) =>
          ports.some((entry) => entry.port === port) &&
          (peers === undefined ||
            peers.some(({ podSelector }) => selects(podSelector?.matchLabels ?? { none: '' }, from))),
      );
  const report: EdgeReport = { open: [], missing: [], exposed: [], closed: [] };
  for (const from of pods) {
    const source = componentOf(from.metadata.labels);
    if (source === 'nats') continue;
    const targets = pods
      .filter((pod) => pod !== from)
      .flatMap((to) =>
        to.spec.containers
          .flatMap(({ ports = [] }) => ports)
          .map(({ containerPort }) => ({ to, port: containerPort, address: `${to.status.podIP}:${containerPort}` })),
      );
    const addresses = JSON.stringify(targets.map(({ address }) => address));
    const output = kubectl('-n', namespace, 'exec', from.metadata.name, '--', 'node', '--eval', script, addresses);
    const opened = new Map(JSON.parse(output) as [string, boolean][]);
    for (const { to, port, address } of targets) {
      const edge = `${source} > ${componentOf(to.metadata.labels)}:${port}`;
      const should = admitted(from.metadata.labels, to.metadata.labels, port);
      const is = opened.get(address) === true;
      if (is && should) report.open.push(edge);
      if (should && !is) report.missing.push(edge);
      if (is && !should) report.exposed.push(edge);
      if (!is && !should) report.closed.push(edge);
    }
  }
  return report;
}

/**
 * Reports how the network treats the policies.
 *
 * @throws Error if a connection of the release is closed, or only some of the others are open
 */
export function checkEdges(namespace: string): void {
  const { open, missing, exposed, closed } = tryEdges(namespace);
  if (missing.length > 0) throw new Error(`connections of the release are closed: ${missing.join(', ')}`);
  if (exposed.length > 0 && closed.length > 0) {
    throw new Error(`connections that the release does not make are open: ${exposed.join(', ')}`);
  }
  const others =
    exposed.length === 0
      ? `the ${closed.length} others are closed`
      : `the network enforces no policies, so that the ${exposed.length} others are open too`;
  say(`           ${open.length} connections of the release are open; ${others}`);
}
