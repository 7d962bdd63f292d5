// SPDX-License-Identifier: MIT
// Copyright (c) 2026 The Leveret authors
//
// compare.js FOLDER   amqplib's side of test_compare.py: a JSON line in, a JSON line out. Asked are
//     ["encode", kind, id or body size, fields]   answers the payload in hexadecimal
//     ["decode", kind, hexadecimal]               answers the values
'use strict';
const path = require('path');
const lib = path.join(path.resolve(process.argv[2]), 'node_modules/amqplib/lib');
const defs = require(path.join(lib, 'defs.js'));
const codec = require(path.join(lib, 'codec.js'));

const TYPES = {t: 'boolean', b: 'int8', B: 'uint8', s: 'int16', u: 'uint16', I: 'int32', i: 'uint32', l: 'int64',
  T: 'timestamp', f: 'float', d: 'double', D: 'decimal'};
const hex = (text) => Buffer.from(text, 'hex');

function value(letter, v) {
  switch (letter) {
    case 'V': return null;
    case 't': return v;
    case 'S': return hex(v).toString();
    case 'x': return hex(v);
    case 'A': return v.map((item) => value(...item));
    case 'F': return table(v);
    case 'f': return {'!': 'float', value: hex(v).readFloatBE()};
    case 'd': return {'!': 'double', value: hex(v).readDoubleBE()};
    case 'D': return {'!': 'decimal', value: {places: v[0], digits: v[1]}};
    default: return {'!': TYPES[letter], value: v};
  }
}

function table(entries) {
  return Object.fromEntries(entries.map(([key, letter, v]) => [hex(key).toString(), value(letter, v)]));
}

function field(wire, v) {
  switch (wire) {
    case 'table': return table(v);
    case 'shortstr': return hex(v).toString();
    case 'longstr': return hex(v);
    case 'longlong': case 'timestamp': return Number(v);
    default: return v;
  }
}

function double(v) {
  const room = Buffer.alloc(8);
  room.writeDoubleBE(v);
  return room.toString('hex');
}

function seen(v) {
  if (v === null) return ['V', null];
  if (typeof v === 'boolean') return ['t', v];
  if (typeof v === 'number') return ['f', double(v)];
  if (typeof v === 'string') return ['s', Buffer.from(v).toString('hex')];
  if (Buffer.isBuffer(v)) return ['s', v.toString('hex')];
  if (Array.isArray(v)) return ['A', v.map(seen)];
  if (v['!'] === 'timestamp') return ['T', double(v.value)];
  if (v['!'] === 'decimal') return ['D', [v.value.places, v.value.digits]];
  return ['F', Object.entries(v).map(([key, x]) => [Buffer.from(key).toString('hex'), ...seen(x)])];
}

function encode(kind, id, fields) {
  if (kind === 'T') {
    const room = Buffer.alloc(1 << 20);
    return room.subarray(4, codec.encodeTable(room, table(fields[0][2]), 0)).toString('hex');
  }
  const args = defs.info(kind === 'M' ? id : 60).args;
  const named = {};
  for (const [index, wire, v] of fields) named[args[index].name] = field(wire, v);
  const frame = kind === 'M' ? defs.encodeMethod(id, 1, named) : defs.encodeProperties(60, 1, id, named);
  return frame.subarray(7, 7 + frame.readUInt32BE(3)).toString('hex');
}

function decode(kind, bytes) {
  if (kind === 'T') return [[0, ...seen(codec.decodeFields(bytes))]];
  const id = kind === 'M' ? bytes.readUInt32BE(0) : 60;
  const fields = defs.decode(id, bytes.subarray(kind === 'M' ? 4 : 12));
  return defs.info(id).args.map((arg, index) => [index, fields[arg.name]])
    .filter(([, v]) => v !== undefined).map(([index, v]) => [index, ...seen(v)]);
}

function answer([what, kind, ...rest]) {
  try {
    return what === 'encode' ? encode(kind, ...rest) : decode(kind, hex(rest[0]));
  } catch (error) {
    return {error: String(error)};
  }
}

const lines = require('fs').readFileSync(0, 'utf8').split('\n').filter((line) => line !== '');
process.stdout.write(lines.map((line) => JSON.stringify(answer(JSON.parse(line))) + '\n').join(''));
