/**
 * Records in a few flat arrays: a data set of a million prompts crosses from a thread without a copy, and records become
 * objects only when they are read.
 */
import { at } from '@gapo/numeric';

/** Records that are read by their index. */
export interface RecordList<T> {
  readonly length: number;
  /** @throws RangeError if there is no such record */
  get(index: number): T;
}

/** How a record is packed: lists of token ids, and a JSON value. It may be given without what its place determines. */
export interface Packing<T, Given = T> {
  /** The number of lists of a record. */
  readonly lists: number;
  readonly pack: (record: Given) => { readonly ids: readonly (readonly number[])[]; readonly json: unknown };
  readonly unpack: (ids: readonly (readonly number[])[], json: unknown, index: number) => T;
}

/** Packed records. */
export interface PackedRecords {
  readonly ids: Uint32Array<ArrayBuffer>;
  /** The end of each list in `ids`, [records × lists]. */
  readonly idEnds: Float64Array<ArrayBuffer>;
  readonly json: Uint8Array<ArrayBuffer>;
  /** The end of each record's JSON text in `json`, [records]. */
  readonly jsonEnds: Float64Array<ArrayBuffer>;
}

/** Packs records one after another. */
export class Packer<Given> {
  readonly #packing: Pick<Packing<never, Given>, 'pack'>;
  readonly #ids = new Growing(new Uint32Array(1024), (size) => new Uint32Array(size));
  readonly #idEnds = new Growing(new Float64Array(64), (size) => new Float64Array(size));
  readonly #json = new Growing(new Uint8Array(4096), (size) => new Uint8Array(size));
  readonly #jsonEnds = new Growing(new Float64Array(64), (size) => new Float64Array(size));
  readonly #utf8 = new TextEncoder();

  constructor(packing: Pick<Packing<never, Given>, 'pack'>) {
    this.#packing = packing;
  }

  add(record: Given): void {
    const { ids, json } = this.#packing.pack(record);
    for (const list of ids) {
      this.#ids.add(list);
      this.#idEnds.add([this.#ids.length]);
    }
    this.#json.add(this.#utf8.encode(JSON.stringify(json)));
    this.#jsonEnds.add([this.#json.length]);
  }

  packed(): PackedRecords {
    return {
      ids: this.#ids.array(),
      idEnds: this.#idEnds.array(),
      json: this.#json.array(),
      jsonEnds: this.#jsonEnds.array(),
    };
  }
}

type Numbers = Uint8Array<ArrayBuffer> | Uint32Array<ArrayBuffer> | Float64Array<ArrayBuffer>;

/** An array that doubles its capacity when it is full. */
class Growing<A extends Numbers> {
  #values: A;
  #length = 0;
  readonly #create: (size: number) => A;

  constructor(start: A, create: (size: number) => A) {
    this.#values = start;
    this.#create = create;
  }

  get length(): number {
    return this.#length;
  }

  add(values: ArrayLike<number>): void {
    const needed = this.#length + values.length;
    if (needed > this.#values.length) {
      const larger = this.#create(Math.max(needed, 2 * this.#values.length));
      larger.set(this.#values.subarray(0, this.#length));
      this.#values = larger;
    }
    this.#values.set(values, this.#length);
    this.#length = needed;
  }

  /** Returns the values without spare capacity. */
  array(): A {
    const exact = this.#create(this.#length);
    exact.set(this.#values.subarray(0, this.#length));
    return exact;
  }
}

/** A list of packed records. */
export class PackedList<T> implements RecordList<T> {
  readonly length: number;
  readonly #records: PackedRecords;
  readonly #packing: Pick<Packing<T>, 'lists' | 'unpack'>;
  readonly #utf8 = new TextDecoder();

  constructor(records: PackedRecords, packing: Pick<Packing<T>, 'lists' | 'unpack'>) {
    this.#records = records;
    this.#packing = packing;
    this.length = records.jsonEnds.length;
  }

  get(index: number): T {
    const { ids, idEnds, json, jsonEnds } = this.#records;
    const { lists, unpack } = this.#packing;
    const text = this.#utf8.decode(json.subarray(startOf(jsonEnds, index), at(jsonEnds, index)));
    const own = Array.from({ length: lists }, (_, i) => {
      const list = index * lists + i;
      return Array.from(ids.subarray(startOf(idEnds, list), at(idEnds, list)));
    });
    return unpack(own, JSON.parse(text) as unknown, index);
  }
}

function startOf(ends: Float64Array, index: number): number {
  return index === 0 ? 0 : at(ends, index - 1);
}

/** Returns the records of a list. */
export function* recordsOf<T>(list: RecordList<T>): Generator<T> {
  for (let index = 0; index < list.length; index++) yield list.get(index);
}
