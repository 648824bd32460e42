/** Sessions of onnxruntime: a model is opened once and run many times. Opening and running block the calling thread. */
import { existsSync } from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import * as ort from 'onnxruntime-node';
import type { DataType, ElementArray } from './graph.js';
import type { OnnxModel } from './onnx.js';

/** Where and how a session runs. */
export interface SessionOptions {
  /** The execution provider. @default 'cpu' */
  readonly device?: 'cpu' | 'cuda';
  /** Threads within an operator. The runtime's own default is every core of the host, whatever the container's limit. */
  readonly threads: number;
}

/** A tensor outside a graph: elements in row-major order and their shape. */
export interface TensorArray<T extends ElementArray = ElementArray> {
  readonly data: T;
  readonly dims: readonly number[];
}

/** An input or output of a model. */
export interface TensorInfo {
  readonly name: string;
  /** Its element type, such as float32; types that this package has no arrays for have the runtime's names. */
  readonly type: string;
  /** A number if the size is fixed, otherwise the dimension's name. */
  readonly dims: readonly (number | string)[];
}

/** The device is not available on this machine, or the model cannot be opened. */
export class SessionError extends Error {
  override readonly name = 'SessionError';
  /** The caller can fix it; it is not a bug. */
  readonly expected = true;
}

/**
 * The largest size of mapped weights, in bytes, for which a session makes copies that are packed for its kernels. For the
 * gradient of 128 tokens under 1.1 billion parameters these copies take 8 GiB in addition to the 4 GiB of mapped pages,
 * which processes share, and save 0.6 of 4.6 seconds.
 */
const largestPacked = 256 << 20;

/** The path of the CUDA provider's library, whether or not it is installed. */
function cudaLibrary(): string {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  const folder = `../bin/napi-v6/${process.platform}/${process.arch}`;
  return join(dirname(entry), folder, 'libonnxruntime_providers_cuda.so');
}

/**
 * The runtime lists every backend that it knows, even if its library is missing, and then fails with a dynamic linker
 * error. This check gives a helpful error.
 *
 * @throws SessionError if the device's library is missing
 */
function checkDevice(device: 'cpu' | 'cuda'): void {
  if (device === 'cpu' || existsSync(cudaLibrary())) return;
  throw new SessionError(
    `device 'cuda' is not available on this machine: onnxruntime-node was installed without its CUDA provider ` +
      `(${cudaLibrary()} is missing); set the device to cpu, or run an image with that provider (docs/gpu.md)`,
  );
}

/** An open model. */
export class Session {
  readonly #session: ort.InferenceSession;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];
  readonly inputs: readonly TensorInfo[];
  readonly outputs: readonly TensorInfo[];

  private constructor(session: ort.InferenceSession) {
    this.#session = session;
    this.inputNames = session.inputNames;
    this.outputNames = session.outputNames;
    this.inputs = session.inputMetadata.map(infoOf);
    this.outputs = session.outputMetadata.map(infoOf);
  }

  /**
   * Opens a graph's model, or a model file. Weights in files are mapped, so processes share their pages.
   *
   * @throws SessionError if the device is missing or the runtime refuses the model.
   */
  static async open(model: OnnxModel | string, options: SessionOptions): Promise<Session> {
    const device = options.device ?? 'cpu';
    checkDevice(device);
    const mapped = typeof model === 'string' ? undefined : model.mapped;
    const settings: ort.InferenceSession.SessionOptions = {
      executionProviders: [device],
      intraOpNumThreads: options.threads,
      interOpNumThreads: 1,
      // A memory pattern is valid for one set of shapes and costs a second arena. No two batches have the same shapes.

      enableMemPattern: false,
      logSeverityLevel: 4, // the error reports the failure; the log would repeat it
      // Idle threads must not spin, because workers and services share the cores.
      extra: {
        session: {
          intra_op: { allow_spinning: '0' },
          ...(mapped && {
            model_external_initializers_file_folder_path: mapped.directory,
            disable_prepacking: mapped.bytes > largestPacked ? '1' : '0',
          }),
        },
      },
    };
    try {
      const session =
        typeof model === 'string'
          ? await ort.InferenceSession.create(model, settings)
          : await ort.InferenceSession.create(model.bytes, settings);
      return new Session(session);
    } catch (error) {
      const where = typeof model === 'string' ? model : `a graph of ${model.bytes.byteLength} bytes`;
      throw new SessionError(`onnxruntime cannot open ${where} on ${device}: ${(error as Error).message}`);
    }
  }

  /** Runs the model. Reads feeds in place and returns new arrays. */
  async run(
    feeds: Readonly<Record<string, TensorArray>>,
    outputs?: readonly string[],
  ): Promise<Record<string, TensorArray>> {
    const tensors: Record<string, ort.Tensor> = {};
    for (const [name, { data, dims }] of Object.entries(feeds)) {
      tensors[name] = new ort.Tensor(ortType(data), data as Float32Array, dims);
    }
    const results = await this.#session.run(tensors, outputs ?? this.outputNames);
    return Object.fromEntries(
      Object.entries(results).map(([name, tensor]) => [name, { data: elementsOf(tensor), dims: tensor.dims }]),
    );
  }

  /** Frees the model. The runtime keeps some of its memory, so a process that switches models should restart. */
  async close(): Promise<void> {
    await this.#session.release();
  }
}

function infoOf(metadata: ort.InferenceSession.ValueMetadata): TensorInfo {
  const { name } = metadata;
  if (!metadata.isTensor) return { name, type: 'no tensor', dims: [] };
  const dims = metadata.shape.map((size) => (typeof size === 'number' && size > 0 ? size : `${size}`));
  return { name, type: metadata.type, dims };
}

/** Returns a tensor's elements; float16 as raw bits. */
function elementsOf({ data, type }: ort.Tensor): ElementArray {
  if (type !== 'float16') return data as ElementArray;
  const { buffer, byteOffset, length } = data as Uint16Array<ArrayBuffer>;
  return new Uint16Array(buffer, byteOffset, length);
}

function ortType(data: ElementArray): DataType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Float64Array) return 'float64';
  if (data instanceof BigInt64Array) return 'int64';
  if (data instanceof Int32Array) return 'int32';
  if (data instanceof Uint16Array) return 'float16';
  return 'bool';
}

/** Converts token ids or indices to int64 elements. */
export function int64(values: ArrayLike<number>): BigInt64Array {
  return BigInt64Array.from(values as number[], BigInt);
}
