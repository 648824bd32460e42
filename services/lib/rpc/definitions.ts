// Loads the protos of the repository once, and finds the definitions of services and messages by name.
import { readdirSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import * as grpc from '@grpc/grpc-js';
import { loadSync, type MessageTypeDefinition, type PackageDefinition } from '@grpc/proto-loader';
import { loaderOptions } from './loaderOptions.js';
import type { ServiceName } from './services.js';

/**
 * The proto/ folder, relative to the compiled file: services/lib/rpc/dist/definitions.js is four levels below the root, both
 * in a checkout and in an image.
 */
const protoRoot = fileURLToPath(new URL('../../../../proto', import.meta.url));

function load(): PackageDefinition {
  let files: string[];
  try {
    files = readdirSync(protoRoot, { recursive: true, encoding: 'utf8' }).filter((file) => file.endsWith('.proto'));
  } catch (cause) {
    throw new Error(`cannot read the protos in ${protoRoot}: that folder has to be deployed with services/lib/rpc`, {
      cause,
    });
  }
  return loadSync(files.sort(), { ...loaderOptions, includeDirs: [protoRoot] });
}

let loaded: PackageDefinition | undefined;

/** Returns the definitions of every message and service of proto/. */
export function packageDefinition(): PackageDefinition {
  loaded ??= load();
  return loaded;
}

/**
 * Returns the definition of one service, in the form of grpc-js.
 *
 * @throws Error for a service that no proto file defines
 */
export function serviceDefinition(service: ServiceName): grpc.ServiceDefinition {
  const definition = packageDefinition()[service];
  if (definition === undefined || 'format' in definition) {
    const known = Object.entries(packageDefinition()).filter(([, entry]) => !('format' in entry));
    throw new Error(`no service ${service} in ${protoRoot}; it has ${known.map(([name]) => name).join(', ')}`);
  }
  return definition;
}

/** Returns the full names of this system's services. */
export function serviceNames(): readonly ServiceName[] {
  return Object.entries(packageDefinition()).flatMap(([name, entry]) =>
    name.startsWith('gapo.') && !('format' in entry) ? [name as ServiceName] : [],
  );
}

/**
 * Returns the definition of one message, by its full name.
 *
 * @throws TypeError for a message that no proto file defines
 */
export function messageDefinition(name: string): MessageTypeDefinition<object, Readonly<Record<string, unknown>>> {
  const definition = packageDefinition()[name];
  if (definition === undefined || !('serialize' in definition)) throw new TypeError(`proto/ has no message ${name}`);
  return definition as MessageTypeDefinition<object, Readonly<Record<string, unknown>>>;
}
