/** `gapo certs`: a private authority and the certificates of one machine's services. */
import { hostname } from 'node:os';
import { Command, InvalidArgumentError, Option } from 'commander';
import type { CertificateRow } from '../certificates/machineCertificates.js';
import { jsonOption, positiveDays } from '../options/options.js';
import { print, printJson } from '../output.js';
import { fromHere } from '../project.js';
import { table } from '../render/table.js';

interface CertsFlags {
  host: string[];
  days: number;
  renew?: true;
  json?: true;
}

function host(text: string, before: string[]): string[] {
  if (!/^[A-Za-z0-9_.:*-]+$/.test(text)) throw new InvalidArgumentError('Expected a DNS name or an IP address.');
  return [...before, text];
}

async function certs(directory: string, { host: hosts, days, renew, json }: CertsFlags): Promise<void> {
  // The X.509 library takes a while to load, and no other command needs it.
  const { makeCertificates } = await import('../certificates/machineCertificates.js');
  const wanted = ['localhost', '127.0.0.1', '::1', hostname(), ...hosts];
  const options = {
    directory: fromHere(directory),
    hosts: [...new Set(wanted)],
    days,
    renew: renew === true,
    now: Date.now(),
  };
  const rows = await makeCertificates(options);
  if (json) printJson(rows);
  else print(certificatesText(rows));
}

function certificatesText(rows: readonly CertificateRow[]): string {
  return table(
    ['certificate', 'identity', 'expires', 'state'],
    rows.map(({ certFile, identity, expires, state }) => [
      certFile,
      identity ?? 'authority',
      expires.slice(0, 10),
      state,
    ]),
  );
}

/** Creates the command. */
export function certsCommand(): Command {
  return new Command('certs')
    .description('make and renew a private authority and the certificates of the services on this machine')
    .argument('<directory>', 'directory of the certificates')
    .addOption(
      new Option('--host <name>', 'another DNS name or IP address by which clients reach this machine; repeatable')
        .argParser(host)
        .default([], 'localhost, 127.0.0.1, ::1 and the host name'),
    )
    .addOption(new Option('--days <n>', 'how many days certificates are valid').argParser(positiveDays).default(365))
    .addOption(new Option('--renew', 'also renew certificates that are not due'))
    .addOption(jsonOption())
    .addHelpText(
      'after',
      `
Makes ca.crt and ca.key, and a certificate and key for each of coordinator, rollout, gradient, reward, gateway and client. Keys are
readable only by this user. Run it again, for example each week: a certificate that has a third of its lifetime left is renewed, and
running services use it without a restart. Keep ca.key secret: it can issue any identity.

Example:
  gapo certs certificates
  gapo up --tls certificates`,
    )
    .action(certs);
}
