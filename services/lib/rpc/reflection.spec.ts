// Server reflection of every service: a client that knows only the address can call every method.
import assert from 'node:assert/strict';
import { execFile } from 'node:child_process';
import { once } from 'node:events';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import { describe, test, type TestContext } from 'node:test';
import { promisify } from 'node:util';
import * as grpc from '@grpc/grpc-js';
import { loadSync } from '@grpc/proto-loader';
import { serviceDefinition, serviceNames } from './definitions.js';
import { implement, serve } from './mod.js';

const run = promisify(execFile);
const standard = [
  'grpc.health.v1.Health',
  'grpc.reflection.v1.ServerReflection',
  'grpc.reflection.v1alpha.ServerReflection',
];

/** Serves every service of proto/; each method responds once, with a time, a map and a message if it has such fields. */
async function everything(t: TestContext): Promise<string> {
  const run = { runId: 'a', created: { seconds: 3, nanos: 0 }, preference: { short: 2 } };
  const answers: Record<string, object> = { GetRun: { run }, ListRuns: { runs: [run] } };
  const services = serviceNames().map((service) => {
    const methods = Object.entries(serviceDefinition(service)).map(([method, { responseStream }]) => {
      const answer = answers[method] ?? {};
      const unary = async (): Promise<object> => answer;
      async function* stream(): AsyncGenerator<object> {
        yield answer;
      }
      return [method, responseStream ? stream : unary];
    });
    return implement(service, Object.fromEntries(methods) as never);
  });
  const server = await serve({ address: '127.0.0.1:0', services, shutdownGraceMs: 0 });
  t.after(() => server.stop());
  return server.address;
}

/** The parts of google.protobuf.FileDescriptorProto that a client links, as protobufjs decodes them. */
interface FileDescriptor {
  readonly name: string;
  readonly package?: string;
  readonly dependency: readonly string[];
  readonly messageType: readonly MessageDescriptor[];
  readonly enumType: readonly { readonly name: string }[];
  readonly service: readonly { readonly name: string; readonly method: readonly MethodDescriptor[] }[];
}
interface MessageDescriptor {
  readonly name: string;
  readonly field: readonly FieldDescriptor[];
  readonly nestedType: readonly MessageDescriptor[];
  readonly enumType: readonly { readonly name: string }[];
  readonly options?: { readonly mapEntry?: boolean } | null;
}
interface FieldDescriptor {
  readonly name: string;
  readonly label: number;
  readonly typeName?: string;
  readonly proto3Optional?: boolean;
}
interface MethodDescriptor {
  readonly name: string;
  readonly inputType: string;
  readonly outputType: string;
}

interface Answer {
  readonly listServicesResponse?: { readonly service: readonly { readonly name: string }[] };
  readonly fileDescriptorResponse?: { readonly fileDescriptorProto: readonly Uint8Array[] };
  readonly errorResponse?: { readonly errorMessage: string };
}

type Call = grpc.ClientDuplexStream<object, Answer>;

const own = createRequire(import.meta.url);
const descriptorProto = createRequire(own.resolve('@grpc/proto-loader'))('protobufjs/ext/descriptor') as {
  FileDescriptorProto: { decode(bytes: Uint8Array): FileDescriptor };
};

/** A reflection client that links files as protoc's descriptor pools do: by name and import. */
class ReflectionClient {
  readonly #call: Call;
  readonly #files = new Map<string, FileDescriptor>();

  constructor(t: TestContext, address: string, version: string) {
    const folder = dirname(own.resolve('@grpc/reflection/package.json'));
    const proto = join(folder, `build/proto/grpc/reflection/${version}/reflection.proto`);
    const name = `grpc.reflection.${version}.ServerReflection`;
    const Stub = grpc.makeGenericClientConstructor(loadSync(proto)[name] as grpc.ServiceDefinition, name);
    const stub = new Stub(address, grpc.credentials.createInsecure());
    this.#call = (stub as unknown as { ServerReflectionInfo(): Call }).ServerReflectionInfo();
    t.after(() => {
      this.#call.end();
      stub.close();
    });
  }

  async ask(request: object): Promise<Answer> {
    const answered = once(this.#call, 'data') as Promise<[Answer]>;
    this.#call.write(request);
    return (await answered)[0];
  }

  async services(): Promise<readonly string[]> {
    const { listServicesResponse } = await this.ask({ listServices: '*' });
    return (listServicesResponse?.service ?? []).map(({ name }) => name).sort();
  }

  /** Returns the requested file, the first one received, after fetching all files that it imports. */
  async file(request: object): Promise<FileDescriptor> {
    const { fileDescriptorResponse, errorResponse } = await this.ask(request);
    assert.equal(errorResponse, undefined, JSON.stringify(request));
    const received = (fileDescriptorResponse?.fileDescriptorProto ?? []).map((bytes) =>
      descriptorProto.FileDescriptorProto.decode(bytes),
    );
    for (const file of received) this.#files.set(file.name, this.#files.get(file.name) ?? file);
    const [first] = received;
    assert.ok(first !== undefined, JSON.stringify(request));
    for (const name of first.dependency) if (!this.#files.has(name)) await this.file({ fileByFilename: name });
    return first;
  }

  /** Returns every type of a file and of those that it imports, by its full name with a leading dot. */
  types({ name }: FileDescriptor, into = new Map<string, MessageDescriptor | undefined>()): typeof into {
    const file = this.#files.get(name);
    assert.ok(file !== undefined, name);
    const add = (scope: string, messages: readonly MessageDescriptor[], enums: readonly { name: string }[]): void => {
      for (const { name: short } of enums) into.set(`${scope}.${short}`, undefined);
      for (const message of messages) {
        into.set(`${scope}.${message.name}`, message);
        add(`${scope}.${message.name}`, message.nestedType, message.enumType);
      }
    };
    add(`.${file.package ?? ''}`, file.messageType, file.enumType);
    for (const imported of file.dependency) this.types({ ...file, name: imported }, into);
    return into;
  }
}

for (const version of ['v1', 'v1alpha']) {
  describe(`reflection ${version}`, () => {
    test('lists what is served, the standard services included', async (t) => {
      const client = new ReflectionClient(t, await everything(t), version);
      assert.deepEqual(await client.services(), [...serviceNames(), ...standard].sort());
    });

    test('every symbol resolves within its file and those that the file imports', async (t) => {
      const client = new ReflectionClient(t, await everything(t), version);
      let [maps, optionals] = [0, 0];
      for (const name of await client.services()) {
        const file = await client.file({ fileContainingSymbol: name });
        const types = client.types(file);
        const service = file.service.find((each) => `${file.package}.${each.name}` === name);
        for (const { inputType, outputType } of service?.method ?? assert.fail(`${name} is not in ${file.name}`)) {
          for (const type of [inputType, outputType]) assert.ok(types.get(type), `${name}: ${type}`);
        }
        for (const [of, message] of types) {
          for (const { name: field, typeName = '', proto3Optional } of message?.field ?? []) {
            if (proto3Optional === true) optionals += 1;
            if (typeName === '') continue;
            assert.ok(types.has(typeName), `${of}.${field}: ${typeName}`);
            const target = types.get(typeName);
            if (target?.options?.mapEntry !== true) continue;
            maps += 1;
            const camelCase = field.replace(/(?:^|_)([a-z])/g, (_, letter: string) => letter.toUpperCase());
            assert.equal(typeName, `${of}.${camelCase}Entry`);
          }
        }
      }
      assert.ok(maps > 0 && optionals > 0, `${maps} maps, ${optionals} optional fields`);
    });

    test('methods and messages are found too, and an unknown symbol is an error', async (t) => {
      const client = new ReflectionClient(t, await everything(t), version);
      for (const symbol of [
        'gapo.training.v1.TrainingService.GetRun',
        'gapo.reward.v1.Item',
        'google.protobuf.Timestamp',
      ]) {
        await client.file({ fileContainingSymbol: symbol });
      }
      const { errorResponse } = await client.ask({ fileContainingSymbol: 'gapo.reward.v1.Nothing' });
      assert.match(errorResponse?.errorMessage ?? '', /not found/i);
    });
  });
}

const grpcurl = process.env['GRPCURL'];
const skip = grpcurl === undefined && 'GRPCURL names no grpcurl: `make test-tools` fetches one where Go is installed';

describe('grpcurl', { skip }, () => {
  const call = async (args: readonly string[]): Promise<string> =>
    (await run(grpcurl ?? '', ['-plaintext', ...args], { encoding: 'utf8' })).stdout;

  test('lists, describes and calls every method of every service', async (t) => {
    const address = await everything(t);
    const listed = (await call([address, 'list'])).trim().split('\n');
    assert.deepEqual(listed.sort(), [...serviceNames(), ...standard].sort());
    for (const service of serviceNames()) {
      const methods = Object.keys(serviceDefinition(service));
      const found = (await call([address, 'list', service])).trim().split('\n');
      assert.deepEqual(found.sort(), methods.map((method) => `${service}.${method}`).sort());
      assert.match(await call([address, 'describe', service]), /is a service:/);
      for (const method of methods) await call(['-d', '{}', address, `${service}/${method}`]);
    }
  });

  test('answers have their times and maps, and the health service answers', async (t) => {
    const address = await everything(t);
    const { run: answered } = JSON.parse(await call([address, 'gapo.training.v1.TrainingService/GetRun'])) as {
      run: object;
    };
    assert.deepEqual(answered, { ...answered, created: '1970-01-01T00:00:03Z', preference: { short: 2 } });
    const health = await call([
      '-d',
      '{"service": "gapo.reward.v1.RewardService"}',
      address,
      'grpc.health.v1.Health/Check',
    ]);
    assert.deepEqual(JSON.parse(health), { status: 'SERVING' });
    await call([address, 'grpc.health.v1.Health/List']);
  });
});
