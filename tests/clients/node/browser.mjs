// Clients in Chromium, and the server's own page there: `node browser.mjs CHROMIUM ADDRESS DESCRIPTORS` prints what is
// wrong, by protocol and case.

import { createServer } from 'node:http';
import { readFileSync } from 'node:fs';
import { build } from 'esbuild';
import puppeteer from 'puppeteer-core';
import { run } from './cases.mjs';

const [executablePath, address, descriptors] = process.argv.slice(2);
const bundle = await build({ entryPoints: ['page.mjs'], bundle: true, write: false, format: 'iife' });
// Another origin than the server's.
const html = `<!doctype html><meta charset="utf-8"><script>${bundle.outputFiles[0].text.replaceAll('</', '<\\/')}</script>`;
const other = createServer((_, response) => response.setHeader('content-type', 'text/html').end(html));
await new Promise(resolve => other.listen(0, '127.0.0.1', resolve));

const browser = await puppeteer.launch({ executablePath, args: ['--no-sandbox', '--disable-gpu'] });
const results = {};
try {
  const page = await browser.newPage();
  await page.goto(`http://127.0.0.1:${other.address().port}/`);
  const encoded = readFileSync(descriptors).toString('base64');
  Object.assign(results, await page.evaluate((...given) => window.runAll(...given), `http://${address}`, encoded));

  const own = await browser.newPage();
  const complaints = [];
  own.on('pageerror', error => complaints.push(String(error)));
  own.on('console', line => line.type() === 'error' && complaints.push(line.text()));
  await own.goto(`http://${address}/`);
  await own.waitForSelector('form');
  const call = async (path, request) => {
    const form = await own.waitForSelector(`form[data-path="${path}"]`);
    return form.evaluate(async (form, request) => {
      form.closest('details').open = true;
      const before = JSON.parse(form.querySelector('textarea').value);
      form.querySelector('textarea').value = request;
      form.querySelector('button').click();
      const output = form.querySelector('output');
      while (!output.textContent || output.textContent === '…') await new Promise(done => setTimeout(done, 10));
      return { before, text: output.textContent };
    }, request);
  };
  const expect = (actual, wanted) => {
    if (JSON.stringify(actual) !== JSON.stringify(wanted)) throw new Error(`${JSON.stringify(actual)}`);
  };
  results.page = await run({
    shows: async () => {
      const text = await own.evaluate(() => document.body.innerText);
      for (const wanted of ['greeter.v1.Greeter', 'shop.billing.v1.Billing']) {
        if (!text.includes(wanted)) throw new Error(text);
      }
    },
    calls: async () => expect(await call('/greeter.v1.Greeter/Hello', '{"name":"Ada"}'),
      { before: { name: '' }, text: 'OK\n{\n  "message": "Hello, Ada!"\n}' }),
    showsErrors: async () => {
      const { text } = await call('/shop.billing.v1.Billing/CreateInvoice', '{}');
      if (!text.startsWith('HTTP 400\n') || !text.includes('"invalid_argument"')) throw new Error(text);
    },
    // The browser itself complains of the call that failed.
    isQuiet: async () => expect(complaints.filter(text => !text.includes('400')), []),
  });
} finally {
  await browser.close();
  other.close();
}
console.log(JSON.stringify(results));
