// What every client that Connect's library for JavaScript makes must be able to do, in Node and in browsers.

import { Code, ConnectError, createClient } from '@connectrpc/connect';

const equal = (actual, wanted) => {
  const [one, other] = [actual, wanted].map(value => JSON.stringify(value, (_, v) => typeof v === 'bigint' ? `${v}` : v));
  if (one !== other) throw new Error(`${one} is not ${other}`);
};

const fails = async (call, code) => {
  try {
    await call();
  } catch (error) {
    const { code: actual } = ConnectError.from(error);
    equal(Code[actual], Code[code]);
    return ConnectError.from(error);
  }
  throw new Error(`the call did not fail with ${Code[code]}`);
};

const numbers = async function* (...values) {
  for (const value of values) yield { value: BigInt(value) };
};

const all = async messages => {
  const values = [];
  for await (const message of messages) values.push(message.value);
  return values;
};

// Of calls with one request.
export const simple = {
  unary: async ({ greeter }) => equal((await greeter.hello({ name: 'Ada' })).message, 'Hello, Ada!'),
  long: async ({ greeter }) => {
    const name = 'x'.repeat(100_000);
    equal((await greeter.hello({ name })).message, `Hello, ${name}!`);
  },
  details: async ({ billing, registry }) => {
    const error = await fails(() => billing.createInvoice({}), Code.InvalidArgument);
    equal(error.details.length, 1);
    equal(error.details[0].type, 'google.rpc.BadRequest');
  },
  headers: async ({ streams }) => {
    const said = {};
    const options = { onHeader: headers => { said.early = headers.get('x-early'); },
      onTrailer: trailers => { said.end = trailers.get('x-end'); } };
    equal(await all(streams.nothing({ value: 1n }, options)), []);
    equal(said, { early: 'header', end: 'trailer' });
  },
  serverStream: async ({ streams }) => equal(await all(streams.count({ value: 3n })), [1n, 2n, 3n]),
  errorInStream: async ({ streams }) => {
    const seen = [];
    const error = await fails(async () => {
      for await (const message of streams.break({ value: 5n })) seen.push(message.value);
    }, Code.Aborted);
    equal(seen, [5n, 6n]);
    equal(error.rawMessage, 'on purpose');
    equal(error.metadata.get('x-end'), 'trailer');
  },
  deadline: async ({ streams }) =>
    fails(() => all(streams.spin({ value: 1n }, { timeoutMs: 200 })), Code.DeadlineExceeded),
  // There are two instances: who leaves one must have freed it for the next.
  cancel: async ({ streams }) => {
    for (let time = 0; time < 6; time += 1) {
      const abort = new AbortController();
      await fails(async () => {
        for await (const message of streams.count({ value: 1_000_000_000n }, { signal: abort.signal })) {
          if (message.value === 10n) abort.abort();
        }
      }, Code.Canceled);
    }
  },
};

// Of calls with many.
export const streaming = {
  clientStream: async ({ streams }) => equal((await streams.sum(numbers(1, 2, 3))).value, 6n),
  bidi: async ({ streams }) => equal(await all(streams.double(numbers(1, 2, 3))), [2n, 4n, 6n]),
};

// Each request waits for the response before it: both sides talk at the same time.
export const duplex = {
  pingPong: async ({ streams }) => {
    let answered = () => {};
    const requests = async function* () {
      for (let value = 1n; value <= 3n; value += 1n) {
        const waiting = new Promise(resolve => { answered = resolve; });
        yield { value };
        await waiting;
      }
    };
    const values = [];
    for await (const message of streams.double(requests())) {
      values.push(message.value);
      answered();
    }
    equal(values, [2n, 4n, 6n]);
  },
};

export const clients = (services, transport) => ({
  registry: services.registry,
  greeter: createClient(services.greeter, transport),
  billing: createClient(services.billing, transport),
  streams: createClient(services.streams, transport),
});

// Runs cases; what is wrong with each by its name, null where nothing is.
export const run = async (cases, using) => {
  const results = {};
  for (const [name, test] of Object.entries(cases)) {
    try {
      await test(using);
      results[name] = null;
    } catch (error) {
      results[name] = String(error.stack ?? error);
    }
  }
  return results;
};
