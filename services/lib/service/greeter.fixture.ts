/** A gRPC server or client of one method, for tests of the preload: `greeter.fixture.js server`, `... client PORT`. */
import { spanNames, withSpan } from '@gapo/tracing';
import {
  credentials,
  makeGenericClientConstructor,
  Metadata,
  Server,
  ServerCredentials,
  type sendUnaryData,
  type ServerUnaryCall,
  type ServiceDefinition,
} from '@grpc/grpc-js';
import { runService } from './service.js';

const bytes = { serialize: (value: Buffer) => value, deserialize: (value: Buffer) => value };
const service = {
  greet: {
    path: '/gapo.test.Greeter/Greet',
    requestStream: false,
    responseStream: false,
    requestSerialize: bytes.serialize,
    requestDeserialize: bytes.deserialize,
    responseSerialize: bytes.serialize,
    responseDeserialize: bytes.deserialize,
  },
} satisfies ServiceDefinition;

async function serve() {
  const server = new Server();
  server.addService(service, {
    greet: (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => {
      void withSpan(spanNames.rewardScore, {}, () => reply(null, call.request));
    },
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  return { address: `127.0.0.1:${port}`, stop: () => server.forceShutdown() };
}

async function greet(port: string) {
  const Client = makeGenericClientConstructor(service, 'gapo.test.Greeter');
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  await withSpan(spanNames.step, {}, async () => {
    await new Promise<void>((resolve, reject) => {
      client.makeUnaryRequest(
        service.greet.path,
        bytes.serialize,
        bytes.deserialize,
        Buffer.from('hello'),
        new Metadata(),
        (error) => (error === null ? resolve() : reject(error)),
      );
    });
  });
  client.close();
  return { stop: () => undefined, done: Promise.resolve() };
}

const [role, port = ''] = process.argv.slice(2);
await runService({
  name: `gapo-${role}`,
  start: role === 'server' ? serve : () => greet(port),
  telemetryTimeoutMs: 600_000,
});
