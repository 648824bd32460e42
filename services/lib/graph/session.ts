/** Sessions of onnxruntime: a model, opened once, run many times. Opening and running block the thread they are on. */
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
  /** Threads within an operator; the runtime would take every core of the host, whatever the container's limit. */
  readonly threads: number;
}

/** A tensor outside a graph: elements in row-major order and their shape. */
export interface TensorArray<T extends ElementArray = ElementArray> {
  readonly data: T;
  readonly dims: readonly number[];
}

/** The device is not to be had here, or the model cannot be opened. */
export class SessionError extends Error {
  override readonly name = 'SessionError';
  /** For the caller to mend, not a defect. */
  readonly expected = true;
}

/**
 * Bytes of mapped weights of which a session still makes copies of its own, laid out for products. For the gradient of
 * 128 tokens under 1.1 billion parameters such copies take 8 GiB beside the 4 of the mapped pages, which processes
 * share, and save 0.6 of 4.6 seconds.
 */
const largestPacked = 256 << 20;

/** The library that the CUDA provider is loaded from, where it was installed. */
function cudaLibrary(): string {
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node');
  const folder = `../bin/napi-v6/${process.platform}/${process.arch}`;
  return join(dirname(entry), folder, 'libonnxruntime_providers_cuda.so');
}

/**
 * The runtime names backends that it could load, whether or not their libraries are there, and fails with an error of the
 * dynamic linker where they are not.
 */
function checkDevice(device: 'cpu' | 'cuda'): void {
  if (device === 'cpu' || existsSync(cudaLibrary())) return;
  throw new SessionError(
    `device 'cuda' is not to be had here: onnxruntime-node was installed without its CUDA provider (${cudaLibrary()} is ` +
      'missing); set the device to cpu, or run on an image with that provider (docs/gpu.md)',
  );
}

/** An open model. */
export class Session {
  readonly #session: ort.InferenceSession;
  readonly inputNames: readonly string[];
  readonly outputNames: readonly string[];

  private constructor(session: ort.InferenceSession) {
    this.#session = session;
    this.inputNames = session.inputNames;
    this.outputNames = session.outputNames;
  }

  /**
   * Opens a graph's model, or one from a path. Weights in files are mapped, so that processes share their pages.
   * @throws SessionError where the device is missing or the runtime refuses the model.
   */
  static async open(model: OnnxModel | string, options: SessionOptions): Promise<Session> {
    const device = options.device ?? 'cpu';
    checkDevice(device);
    const mapped = typeof model === 'string' ? undefined : model.mapped;
    const settings: ort.InferenceSession.SessionOptions = {
      executionProviders: [device],
      intraOpNumThreads: options.threads,
      interOpNumThreads: 1,
      // A pattern holds for one set of shapes, and a second arena beside the first is the price: no two batches are alike.
      enableMemPattern: false,
      logSeverityLevel: 4, // what fails is said once, by the error
      // Idle threads must not spin: workers, services and the sampler share the cores.
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

  /** Runs the model. Feeds are read in place; the results are fresh arrays. */
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
      Object.entries(results).map(([name, tensor]) => [name, { data: tensor.data as ElementArray, dims: tensor.dims }]),
    );
  }

  /** Frees the model. The runtime keeps some memory: swap models by restarting the process. */
  async close(): Promise<void> {
    await this.#session.release();
  }
}

function ortType(data: ElementArray): DataType {
  if (data instanceof Float32Array) return 'float32';
  if (data instanceof Float64Array) return 'float64';
  if (data instanceof BigInt64Array) return 'int64';
  if (data instanceof Int32Array) return 'int32';
  return 'bool';
}

/** Token ids or indices as the int64 elements that graphs take. */
export function int64(values: ArrayLike<number>): BigInt64Array {
  return BigInt64Array.from(values as number[], BigInt);
}
