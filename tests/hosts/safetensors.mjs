// The safetensors format: 8 bytes with the length of a JSON header, the header, the bytes of every tensor.
import { readFileSync, writeFileSync } from "node:fs";

const ARRAYS = { F32: Float32Array, I64: BigInt64Array, I32: Int32Array, U8: Uint8Array, BOOL: Uint8Array };
const TYPES = { F32: "float32", I64: "int64", I32: "int32", U8: "uint8", BOOL: "bool" };

/** The tensors of a file by name, made with `Tensor` of onnxruntime. */
export function readTensors(path, Tensor) {
  const file = readFileSync(path);
  const start = 8 + Number(file.readBigUInt64LE(0));
  const tensors = {};
  for (const [name, { dtype, shape, data_offsets: [from, to] }] of Object.entries(JSON.parse(file.subarray(8, start)))) {
    if (name === "__metadata__") continue;
    if (!(dtype in ARRAYS)) throw new Error(`${path}: ${name} has the type ${dtype}, which this reader does not know`);
    const bytes = Uint8Array.from(file.subarray(start + from, start + to)); // a copy: typed arrays must be aligned
    tensors[name] = new Tensor(TYPES[dtype], new ARRAYS[dtype](bytes.buffer), shape);
  }
  return tensors;
}

/** Write tensors by name. */
export function writeTensors(path, tensors) {
  const header = {};
  const parts = [];
  let offset = 0;
  for (const [name, tensor] of Object.entries(tensors)) {
    const dtype = Object.keys(TYPES).find((key) => TYPES[key] === tensor.type);
    if (dtype === undefined) throw new Error(`${name} has the type ${tensor.type}, which this writer does not know`);
    const bytes = Buffer.from(tensor.data.buffer, tensor.data.byteOffset, tensor.data.byteLength);
    header[name] = { dtype, shape: tensor.dims.map(Number), data_offsets: [offset, offset + bytes.length] };
    parts.push(bytes);
    offset += bytes.length;
  }
  const json = Buffer.from(JSON.stringify(header));
  const length = Buffer.alloc(8);
  length.writeBigUInt64LE(BigInt(json.length));
  writeFileSync(path, Buffer.concat([length, json, ...parts]));
}
