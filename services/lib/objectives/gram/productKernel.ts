/**
 * The inner loop of the Gram matrix as WebAssembly simd: products of float32 vectors accumulated in float64, two lanes
 * at a time, which JavaScript has no instructions for. The module is assembled here, from the instruction set's tables
 * (WebAssembly core specification 2.0, section 5), and has two functions over one memory:
 *
 *     within(a, b, c, d, bytes, out)   the 10 products of four vectors with each other: aa ab ac ad bb bc bd cc cd dd
 *     between(a, b, c, d, bytes, out)  the 4 products ac ad bc bd
 *
 * a … d are addresses of float32 vectors, `bytes` their length (a multiple of 8, or 0), and each product is left at `out` as
 * its two lanes: the sum over even elements and that over odd ones, each in ascending order.
 *
 * A product of two float32 numbers is exact in float64 (48 bits of 53). So the fused multiply-add of relaxed simd, which
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
export const page = 65_536;

/** Pages that 32-bit addresses reach. */
export const mostPages = 65_536;

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
 * @param pages of 64 KiB, at most {@link mostPages}; they are never grown, so views of the buffer stay valid
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
  const fused = assemble(fusedMultiplyAdd);
  if (api.validate(fused)) return fused;
  setFlagsFromString('--experimental-wasm-relaxed-simd');
  return api.validate(fused) ? fused : assemble(multiplyThenAdd);
}

// Types
const i32 = 0x7f;
const v128 = 0x7b;
const nothing = 0x40;

// Instructions
const loop = 0x03;
const IF = 0x04;
const end = 0x0b;
const brIf = 0x0d;
const localGet = 0x20;
const localSet = 0x21;
const localTee = 0x22;
const i32Const = 0x41;
const i32LtU = 0x49;
const i32Add = 0x6a;
const simd = 0xfd;
const v128Store = [simd, 0x0b];
const v128Load64Zero = [simd, 0x5d];
const f64x2PromoteLowF32x4 = [simd, 0x5f];
const f64x2Add = [simd, 0xf0, 0x01];
const f64x2Mul = [simd, 0xf2, 0x01];
const f64x2RelaxedMadd = [simd, 0x87, 0x02];

/** Adds the product of two local variables to a third. */
type Accumulate = (x: number, y: number, sum: number) => number[];
const fusedMultiplyAdd: Accumulate = (x, y, sum) => [
  ...[localGet, x, localGet, y, localGet, sum],
  ...[...f64x2RelaxedMadd, localSet, sum],
];
const multiplyThenAdd: Accumulate = (x, y, sum) => [
  ...[localGet, sum, localGet, x, localGet, y],
  ...[...f64x2Mul, ...f64x2Add, localSet, sum],
];

// Locals: six parameters, the byte offset, four loaded values, then the sums.
const BYTES = 4;
const OUT = 5;
const offset = 6;
const VALUE = 7;
const SUM = 11;

/**
 * A function that accumulates the given products of its four vectors, two elements of each at a time: with more, sums
 * would not all stay in registers, and one that goes through memory takes longer than all else in a turn.
 */
function productsBody(pairs: readonly (readonly [number, number])[], accumulate: Accumulate): number[] {
  const turn = [
    ...[0, 1, 2, 3].flatMap((vector) => [
      ...[localGet, vector, localGet, offset, i32Add],
      ...[...v128Load64Zero, 2, 0, ...f64x2PromoteLowF32x4, localSet, VALUE + vector],
    ]),
    ...pairs.flatMap(([x, y], k) => accumulate(VALUE + x, VALUE + y, SUM + k)),
  ];
  const turns = [
    ...[localGet, BYTES, IF, nothing, loop, nothing, ...turn],
    ...[localGet, offset, i32Const, 8, i32Add, localTee, offset, localGet, BYTES, i32LtU, brIf, 0, end, end],
  ];
  const store = pairs.flatMap((_, k) => [localGet, OUT, localGet, SUM + k, ...v128Store, 3, ...unsigned(16 * k)]);
  const locals = [2, 1, i32, 4 + pairs.length, v128];
  const body = [...locals, ...turns, ...store, end];
  return [...unsigned(body.length), ...body];
}

function assemble(accumulate: Accumulate): Uint8Array {
  const section = (id: number, content: readonly number[]): number[] => [id, ...unsigned(content.length), ...content];
  const text = (value: string): number[] => [value.length, ...Array.from(value, (letter) => letter.charCodeAt(0))];
  const magic = [0x00, 0x61, 0x73, 0x6d, 0x01, 0x00, 0x00, 0x00];
  const types = section(1, [1, 0x60, 6, i32, i32, i32, i32, i32, i32, 0]);
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
