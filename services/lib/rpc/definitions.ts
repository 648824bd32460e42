// Loads the protos of the repository once and finds the definition of a service by name.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import { loadSync, type PackageDefinition } from '@grpc/proto-loader';
import { loaderOptions } from './loaderOptions.js';
import type { ServiceName } from './services.js';

/**
 * The proto/ folder, found from the compiled file: services/lib/rpc/dist/definitions.js lies four levels below the
 * root, in a checkout and in an image alike.
 */
const protoRoot = fileURLToPath(new URL('../../../../proto', import.meta.url));

function load(): PackageDefinition {
  let files: string[];
  try {
    files = readdirSync(protoRoot, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.proto'));
  } catch (cause) {
    throw new Error(`cannot read the protos in ${protoRoot}: that folder must come along with services/lib/rpc`, {
      cause,
    });
  }
  return loadSync(files.sort(), { ...loaderOptions, includeDirs: [protoRoot] });
}

let loaded: PackageDefinition | undefined;

/** Every message and service of proto/. */
export function packageDefinition(): PackageDefinition {
  loaded ??= load();
  return loaded;
}

/** The definition of one service, as grpc-js wants it. */
export function serviceDefinition(service: ServiceName): grpc.ServiceDefinition {
  const definition = packageDefinition()[service];
  if (definition === undefined || 'format' in definition) {
    const known = Object.entries(packageDefinition()).filter(([, entry]) => !('format' in entry));
    throw new Error(`no service ${service} in ${protoRoot}; it has ${known.map(([name]) => name).join(', ')}`);
  }
  return definition;
}
