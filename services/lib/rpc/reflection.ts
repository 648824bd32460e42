// Server reflection, from descriptors as a protobuf compiler makes them.
import type * as grpc from '@grpc/grpc-js';
import { ReflectionService } from '@grpc/reflection';
import { descriptors } from './gen/descriptors.js';

/** The services of reflection itself. */
const reflectionServices = ['grpc.reflection.v1.ServerReflection', 'grpc.reflection.v1alpha.ServerReflection'];

/** Serves server reflection (v1 and v1alpha) of the services of these full names. */
export function addReflection(server: grpc.Server, services: readonly string[]): void {
  // The library reads nothing but the files of a definition.
  const files = Object.values(descriptors).map((base64) => Buffer.from(base64, 'base64'));
  const definition = {
    format: 'Protocol Buffer 3 EnumDescriptorProto',
    type: {},
    fileDescriptorProtos: files,
  } as const;
  new ReflectionService({ files: definition }, { services: [...services, ...reflectionServices] }).addToServer(server);
}
