// Connect's clients for Node: `node node.mjs ADDRESS DESCRIPTORS` prints what is wrong, by protocol and case.

import { readFileSync } from 'node:fs';
import { createConnectTransport, createGrpcTransport, createGrpcWebTransport } from '@connectrpc/connect-node';
import { clients, duplex, run, simple, streaming } from './cases.mjs';
import { services } from './services.mjs';

const [address, descriptors] = process.argv.slice(2);
const all = services(readFileSync(descriptors));
const baseUrl = `http://${address}`;
const results = {};
for (const useBinaryFormat of [true, false]) {
  const codec = useBinaryFormat ? 'proto' : 'json';
  for (const [name, make, httpVersion, cases] of [
    ['connect-h1', createConnectTransport, '1.1', { ...simple, ...streaming }],
    ['connect-h2', createConnectTransport, '2', { ...simple, ...streaming, ...duplex }],
    ['grpc', createGrpcTransport, '2', { ...simple, ...streaming, ...duplex }],
    ['grpc-web-h1', createGrpcWebTransport, '1.1', { ...simple, ...streaming }],
    ['grpc-web-h2', createGrpcWebTransport, '2', { ...simple, ...streaming, ...duplex }],
  ]) {
    const transport = make({ baseUrl, httpVersion, useBinaryFormat });
    results[`${name}-${codec}`] = await run(cases, clients(all, transport));
  }
}
console.log(JSON.stringify(results));
process.exit(0);
