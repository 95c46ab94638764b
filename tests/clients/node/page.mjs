// What runs in the browser: Connect's clients for it, and grpc-web's.

import { create, fromBinary, toBinary } from '@bufbuild/protobuf';
import { createConnectTransport, createGrpcWebTransport } from '@connectrpc/connect-web';
import { GrpcWebClientBase, MethodDescriptor } from 'grpc-web';
import { clients, run, simple } from './cases.mjs';
import { services } from './services.mjs';

const grpcWeb = (all, baseUrl, format) => {
  const client = new GrpcWebClientBase({ format });
  const descriptor = method => new MethodDescriptor(
    `/${method.parent.typeName}/${method.name}`, method.methodKind === 'unary' ? 'unary' : 'server_streaming',
    Object, Object, message => toBinary(method.input, message), bytes => fromBinary(method.output, bytes));
  const call = (service, name) => {
    const method = service.methods.find(method => method.name === name);
    return { path: `${baseUrl}/${service.typeName}/${name}`, method, descriptor: descriptor(method) };
  };
  const unary = (service, name, request, metadata = {}) => new Promise((resolve, reject) => {
    const { path, method, descriptor } = call(service, name);
    client.rpcCall(path, create(method.input, request), metadata, descriptor,
      (error, response) => error ? reject(error) : resolve(response));
  });
  return {
    unary: async () => {
      const { message } = await unary(all.greeter, 'Hello', { name: 'Ada' }, { 'x-mine': 'header' });
      if (message !== 'Hello, Ada!') throw new Error(message);
    },
    error: async () => {
      const error = await unary(all.billing, 'CreateInvoice', {}).then(() => null, error => error);
      if (error?.code !== 3 || !error.metadata['grpc-status-details-bin']) throw new Error(JSON.stringify(error));
    },
    serverStream: () => new Promise((resolve, reject) => {
      const { path, method, descriptor } = call(all.streams, 'Break');
      const seen = [];
      client.serverStreaming(path, create(method.input, { value: 5n }), {}, descriptor)
        .on('data', message => seen.push(Number(message.value)))
        .on('error', error => {
          const wanted = error.code === 10 && error.metadata['x-end'] === 'trailer' && `${seen}` === '5,6';
          wanted ? resolve() : reject(new Error(`${JSON.stringify(error)} after ${seen}`));
        })
        .on('end', () => reject(new Error('the stream ended without its error')));
    }),
  };
};

window.runAll = async (baseUrl, encoded) => {
  const all = services(Uint8Array.from(atob(encoded), char => char.charCodeAt(0)));
  const results = {};
  for (const [name, make] of [['connect', createConnectTransport], ['grpc-web', createGrpcWebTransport]]) {
    for (const useBinaryFormat of [true, false]) {
      const transport = make({ baseUrl, useBinaryFormat });
      results[`${name}-${useBinaryFormat ? 'proto' : 'json'}`] = await run(simple, clients(all, transport));
    }
  }
  for (const format of ['text', 'binary']) {
    results[`google-grpc-web-${format}`] = await run(grpcWeb(all, baseUrl, format), undefined);
  }
  return results;
};
