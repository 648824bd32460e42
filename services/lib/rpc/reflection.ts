// Server reflection, from descriptors in the form a protobuf compiler produces.
import { createRequire } from 'node:module';
import type * as grpc from '@grpc/grpc-js';
import { descriptors } from './gen/descriptors.js';

type ReflectionModule = typeof import('@grpc/reflection');
type Reflect = (stream: grpc.ServerDuplexStream<object, object>) => void;

/** The reflection services themselves. Each has one method, with the same name. */
const reflectionServices = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'] as const;
const method = 'ServerReflectionInfo';

/** One version of reflection, in the form the library adds to a server. */
interface Version {
  readonly info: grpc.MethodDefinition<object, object>;
  readonly reflect: Reflect;
}

/** Builds every version of reflection for the services with these full names: tens of milliseconds of CPU time. */
function build(services: readonly string[]): ReadonlyMap<string, Version> {
  const { ReflectionService } = createRequire(import.meta.url)('@grpc/reflection') as ReflectionModule;
  // The library reads only the files of a definition.
  const files = Object.values(descriptors).map((base64) => Buffer.from(base64, 'base64'));
  const definition = {
    format: 'Protocol Buffer 3 EnumDescriptorProto',
    type: {},
    fileDescriptorProtos: files,
  } as const;
  const versions = new Map<string, Version>();
  const receiver = {
    addService(added: grpc.ServiceDefinition, handlers: grpc.UntypedServiceImplementation): void {
      const info = added[method] as Version['info'];
      versions.set(info.path, { info, reflect: handlers[method] as Reflect });
    },
  };
  new ReflectionService({ files: definition }, { services: [...services, ...reflectionServices] }).addToServer(
    receiver,
  );
  return versions;
}

/**
 * Serves reflection (v1 and v1alpha) for the services with these full names. Built lazily, because most servers never
 * get such a request.
 */
export function addReflection(server: grpc.Server, services: readonly string[]): void {
  let built: ReadonlyMap<string, Version> | undefined;
  for (const service of reflectionServices) {
    const path = `/${service}/${method}`;
    const version = (): Version => {
      built ??= build(services);
      const found = built.get(path);
      if (found === undefined) throw new Error(`@grpc/reflection has no ${service}`);
      return found;
    };
    const info: grpc.MethodDefinition<object, object> = {
      path,
      requestStream: true,
      responseStream: true,
      requestSerialize: (request) => version().info.requestSerialize(request),
      requestDeserialize: (bytes) => version().info.requestDeserialize(bytes),
      responseSerialize: (response) => version().info.responseSerialize(response),
      responseDeserialize: (bytes) => version().info.responseDeserialize(bytes),
    };
    const reflect: Reflect = (stream) => version().reflect(stream);
    server.addService({ [method]: info }, { [method]: reflect });
  }
}
