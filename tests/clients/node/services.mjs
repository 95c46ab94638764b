// The services that are called, from their descriptors: no code is generated.

import { createFileRegistry, fromBinary } from '@bufbuild/protobuf';
import { FileDescriptorSetSchema } from '@bufbuild/protobuf/wkt';

export const services = descriptors => {
  const registry = createFileRegistry(fromBinary(FileDescriptorSetSchema, descriptors));
  return Object.fromEntries([
    ['greeter', 'greeter.v1.Greeter'],
    ['billing', 'shop.billing.v1.Billing'],
    ['streams', 'test.streams.v1.Streams'],
  ].map(([name, service]) => [name, registry.getService(service)]).concat([['registry', registry]]));
};
