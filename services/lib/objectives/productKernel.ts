/**
 * The inner loop of the Gram matrix as WebAssembly SIMD: products of float32 vectors accumulated in float64, two lanes
 * at a time, which JavaScript has no instructions for. The module is assembled here, from the instruction set's tables
 * (WebAssembly core specification 2.0, section 5), and has two functions over one memory:
 *
 *     within(a, b, c, d, bytes, out)   the 10 products of four vectors with each other: aa ab ac ad bb bc bd cc cd dd
 *     between(a, b, c, d, bytes, out)  the 4 products ac ad bc bd
 *
 * a … d are addresses of float32 vectors, `bytes` their length (a multiple of 8, or 0), and each product is left at `out` as
 * its two lanes: the sum over even elements and that over odd ones, each in ascending order.
 *
 * A product of two float32 numbers is exact in float64 (48 bits of 53). So the fused multiply-add of relaxed SIMD, which
 * rounds once, and a multiplication followed by an addition give the same bits, and the faster is taken where it is there.
 */
import { setFlagsFromString } from 'node:v8';

/** What of the WebAssembly interface is used; the compiler's library for servers does not describe it. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly validate: (bytes: Uint8Array) => boolean;
  readonly Instance: new (module: object, imports: object) => { readonly exports: Record<string, unknown> };
  readonly Memory: new (options: { initial: number }) => { readonly buffer: ArrayBuffer };
}

const api = (globalThis as unknown as { readonly WebAssembly: WebAssemblyApi }).WebAssembly;

type Products = (a: number, b: number, c: number, d: number, bytes: number, out: number) => void;

/** The two functions over one memory. */
export interface ProductKernel {
  readonly within: Products;
  readonly between: Products;
  readonly buffer: ArrayBuffer;
}

/** Bytes of one page of WebAssembly memory. */
export const PAGE = 65_536;

/** Pages that 32-bit addresses reach. */
export const MOST_PAGES = 65_536;

/** Pairs of vectors, by the products' places. */
export const WITHIN: readonly (readonly [number, number])[] = [
  [0, 0], [0, 1], [0, 2], [0, 3], [1, 1], [1, 2], [1, 3], [2, 2], [2, 3], [3, 3],
]; // prettier-ignore
export const BETWEEN: readonly (readonly [number, number])[] = [
  [0, 2], [0, 3], [1, 2], [1, 3],
]; // prettier-ignore

let compiled: object | undefined;

/**
 * A kernel with memory of its own.
 *
 * @param pages of 64 KiB, at most {@link MOST_PAGES}; they are never grown, so views of the buffer stay valid
 * @returns undefined where the process cannot get that much memory or address space
 */
export function createKernel(pages: number): ProductKernel | undefined {
  compiled ??= new api.Module(fastestModule());
  let memory;
  try {
    memory = new api.Memory({ initial: pages });
  } catch (error) {
    if (error instanceof RangeError) return undefined;
    throw error;
  }
  const { exports } = new api.Instance(compiled, { gapo: { memory } });
  const { within, between } = exports as { within: Products; between: Products };
  return { within, between, buffer: memory.buffer };
}

/** With fused multiply-add where the engine knows it; Node 20 does behind a flag. */
function fastestModule(): Uint8Array {
  const fused = assemble(FUSED_MULTIPLY_ADD);
  if (api.validate(fused)) return fused;
  setFlagsFromString('--experimental-wasm-relaxed-simd');
  return api.validate(fused) ? fused : assemble(MULTIPLY_THEN_ADD);
}

// Types
const I32 = 0x7f;
const V128 = 0x7b;
const NOTHING = 0x40;

// Instructions
const LOOP = 0x03;
const IF = 0x04;
const END = 0x0b;
const BR_IF = 0x0d;
const LOCAL_GET = 0x20;
const LOCAL_SET = 0x21;
const LOCAL_TEE = 0x22;
const I32_CONST = 0x41;
const I32_LT_U = 0x49;
const I32_ADD = 0x6a;
const SIMD = 0xfd;
const V128_STORE = [SIMD, 0x0b];
const V128_LOAD64_ZERO = [SIMD, 0x5d];
const F64X2_PROMOTE_LOW_F32X4 = [SIMD, 0x5f];
const F64X2_ADD = [SIMD, 0xf0, 0x01];
const F64X2_MUL = [SIMD, 0xf2, 0x01];
const F64X2_RELAXED_MADD = [SIMD, 0x87, 0x02];

/** Adds the product of two local variables to a third. */
type Accumulate = (x: number, y: number, sum: number) => number[];
const FUSED_MULTIPLY_ADD: Accumulate = (x, y, sum) => [
  ...[LOCAL_GET, x, LOCAL_GET, y, LOCAL_GET, sum],
  ...[...F64X2_RELAXED_MADD, LOCAL_SET, sum],
];
const MULTIPLY_THEN_ADD: Accumulate = (x, y, sum) => [
  ...[LOCAL_GET, sum, LOCAL_GET, x, LOCAL_GET, y],
  ...[...F64X2_MUL, ...F64X2_ADD, LOCAL_SET, sum],
];

// Locals: six parameters, the byte offset, four loaded values, then the sums.
const BYTES = 4;
const OUT = 5;
const OFFSET = 6;
const VALUE = 7;
const SUM = 11;

/**
 * A function that accumulates the given products of its four vectors, two elements of each at a time: with more, sums
 * would not all stay in registers, and one that goes through memory takes longer than all else in a turn.
 */
function productsBody(pairs: readonly (readonly [number, number])[], accumulate: Accumulate): number[] {
  const turn = [
    ...[0, 1, 2, 3].flatMap((vector) => [
      ...[LOCAL_GET, vector, LOCAL_GET, OFFSET, I32_ADD],
      ...[...V128_LOAD64_ZERO, 2, 0, ...F64X2_PROMOTE_LOW_F32X4, LOCAL_SET, VALUE + vector],
    ]),
    ...pairs.flatMap(([x, y], k) => accumulate(VALUE + x, VALUE + y, SUM + k)),
  ];
  const turns = [
    ...[LOCAL_GET, BYTES, IF, NOTHING, LOOP, NOTHING, ...turn],
    ...[LOCAL_GET, OFFSET, I32_CONST, 8, I32_ADD, LOCAL_TEE, OFFSET, LOCAL_GET, BYTES, I32_LT_U, BR_IF, 0, END, END],
  ];
  const store = pairs.flatMap((_, k) => [LOCAL_GET, OUT, LOCAL_GET, SUM + k, ...V128_STORE, 3, ...unsigned(16 * k)]);
  const locals = [2, 1, I32, 4 + pairs.length, V128];
  const body = [...locals, ...turns, ...store, END];
  return [...unsigned(body.length), ...body];
}

function assemble(accumulate: Accumulate): Uint8Array {
  const section = (id: number, content: readonly number[]): number[] => [id, ...unsigned(content.length), ...content];
  const text = (value: string): number[] => [value.length, ...Array.from(value, (letter) => letter.charCodeAt(0))];
  const magic = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  const types = section(1, [1, 0x60, 6, I32, I32, I32, I32, I32, I32, 0]);
  const imports = section(2, [1, ...text('gapo'), ...text('memory'), 0x02, 0x00, 0x01]);
  const functions = section(3, [2, 0, 0]);
  const exported = section(7, [2, ...text('within'), 0x00, 0, ...text('between'), 0x00, 1]);
  const code = section(10, [2, ...productsBody(WITHIN, accumulate), ...productsBody(BETWEEN, accumulate)]);
  return Uint8Array.from([...magic, ...types, ...imports, ...functions, ...exported, ...code]);
}

/** LEB128. */
function unsigned(value: number): number[] {
  const bytes: number[] = [];
  for (let rest = value; ; rest >>>= 7) {
    if (rest < 0x80) return [...bytes, rest];
    bytes.push((rest & 0x7f) | 0x80);
  }
}
