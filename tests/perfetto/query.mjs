// Asks Perfetto's trace processor, the WebAssembly that ui.perfetto.dev runs
// too, about traces: node query.mjs ASSETS SQL... <<< "a trace's file a line".
// It prints an array of rows for each statement, a line of JSON for each trace.
import {readFileSync} from 'node:fs';
import {join} from 'node:path';
import {pathToFileURL} from 'node:url';
import vm from 'node:vm';

const [assets, ...statements] = process.argv.slice(2);
const {EngineBase} = await import(pathToFileURL(join(assets, 'engine.mjs')).href);

// The glue is made for a web worker, takes 64-bit memory where there is some,
// and fetches its WebAssembly.
globalThis.self = globalThis;
globalThis.WorkerGlobalScope = function () {};
globalThis.location = {href: pathToFileURL(assets).href + '/'};
globalThis.wasm = new Uint8Array(readFileSync(join(assets, 'trace_processor.wasm')));
let glue = readFileSync(join(assets, 'engine_bundle.node.js'), 'utf8');
for (const [from, to] of [
  ['this.useMemory64 = hasMemory64Support();', 'this.useMemory64 = false;'],
  ['locateFile: (s) => s,', 'locateFile: (s) => s, wasmBinary: globalThis.wasm,'],
  ['const wasmBridge = new wasm_bridge_1.WasmBridge();', 'const wasmBridge = globalThis.bridge = new wasm_bridge_1.WasmBridge();'],
]) {
  if (!glue.includes(from)) throw new Error(`the glue has changed: no ${from}`);
  glue = glue.replace(from, to);
}
const warn = console.warn; // what it logs is in its table stats; of the decoder's age it need not tell
console.warn = (...words) => /Unexpected QueryResult field/.test(words[0]) || warn(...words);

class Engine extends EngineBase {
  mode = 'WASM';
  id = 'wasm';
  constructor(port) {
    super();
    this.port = port;
    port.onmessage = (m) => this.onRpcResponseBytes(m.data);
  }
  rpcSendRequestBytes(data) {
    this.port.postMessage(data);
  }
}

for (const file of readFileSync(0, 'utf8').trim().split('\n')) {
  vm.runInThisContext(glue);
  const bridge = globalThis.bridge;
  while (bridge.reqBufferAddr === 0) await new Promise((r) => setImmediate(r));
  const {port1, port2} = new MessageChannel();
  bridge.initialize(port1);
  const engine = new Engine(port2);
  await engine.parse(new Uint8Array(readFileSync(file)));
  await engine.notifyEof();
  const answers = [];
  for (const sql of statements) {
    const result = await engine.query(sql);
    const columns = result.columns();
    const rows = [];
    for (const it = result.iter({}); it.valid(); it.next()) {
      rows.push(columns.map((c) => (typeof it.get(c) === 'bigint' ? Number(it.get(c)) : it.get(c))));
    }
    answers.push(rows);
  }
  console.log(JSON.stringify(answers));
  port1.close();
  port2.close();
}
