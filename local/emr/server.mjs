// The embedded EMR: a FHIR R4 server on this machine's loopback interface.
//
//   node server.mjs [--port N] [--state FOLDER]
//
// --port 0 (the default) takes a free port; without --state the data lives only as long as the process. Once it
// listens, it prints one line of JSON, {"port": …, "pid": …}, and nothing else. FHIR is under /fhir/R4, the faults'
// administration under /_faults. It ends at SIGTERM, and when its standard input closes, that is, when the process that
// started it is gone however that came about.

import http from 'node:http';
import { parseArgs } from 'node:util';
import { ChangeLog } from './change-log.mjs';
import { Faults } from './faults.mjs';
import { BASE_PATH, fhirApi, outcome } from './fhir-api.mjs';
import { EmrRepository } from './repository.mjs';
import { loadDefinitions } from './validation.mjs';

const HOST = '127.0.0.1';
const FAULTS_PATH = '/_faults';
const MAX_BODY_BYTES = 16 * 1024 * 1024;

const { values: options } = parseArgs({
  options: { port: { type: 'string', default: '0' }, state: { type: 'string' } },
});

const { check, resourceTypes } = loadDefinitions();
const repository = new EmrRepository(check);
const log = options.state ? new ChangeLog(options.state, (changes) => repository.replay(changes)) : undefined;
if (log) {
  repository.keepIn(log);
}
const serveFhir = fhirApi(repository, resourceTypes);
const faults = new Faults();

const server = http.createServer((request, response) => {
  respond(request, response).catch((error) => {
    console.error(error.stack);
    response.destroy();
  });
});
// Longer than any client here keeps an idle connection, so that the client is the one to close it.
server.keepAliveTimeout = 120_000;
server.on('error', (error) => {
  console.error(`cannot listen on ${HOST}:${options.port}: ${error.message}`);
  process.exit(1);
});
server.listen(Number(options.port), HOST, () => {
  console.log(JSON.stringify({ port: server.address().port, pid: process.pid }));
});

let ending = false;
function end() {
  if (ending) {
    return;
  }
  ending = true;
  server.close();
  server.closeAllConnections();
  log?.close();
  process.exit(0);
}
process.on('SIGTERM', end);
process.on('SIGINT', end);
process.stdin.on('close', end).on('end', end).on('error', end).resume();

async function respond(request, response) {
  // A page in a browser can send a name of its own to this address; it cannot pretend to be one of these.
  const origin = request.headers.host ?? '';
  if (!/^(127\.0\.0\.1|localhost)(:\d+)?$/.test(origin)) {
    return send(response, { status: 421, body: outcome('security', `This server answers only as ${HOST}`) });
  }
  const text = await bodyOf(request);
  if (text === undefined) {
    return send(response, { status: 413, body: outcome('too-costly', `Bodies end at ${MAX_BODY_BYTES} bytes`) });
  }
  const [path] = request.url.split('?', 1);
  if (path === FAULTS_PATH) {
    return send(response, administerFaults(request.method, text));
  }
  if (path !== BASE_PATH && !path.startsWith(`${BASE_PATH}/`)) {
    return send(response, { status: 404, body: outcome('not-found', `FHIR is under ${BASE_PATH}`) });
  }
  const { method, headers } = request;
  const fhirRequest = { method, headers, text, target: request.url.slice(BASE_PATH.length) || '/', origin: `http://${origin}` };
  const answer = await faults.through(fhirRequest, serveFhir, response);
  return answer ? send(response, answer) : response.destroy();
}

function administerFaults(method, text) {
  if (method === 'GET') {
    return { status: 200, body: faults.list() };
  }
  if (method === 'DELETE') {
    faults.clear();
    return { status: 200, body: faults.list() };
  }
  if (method !== 'POST') {
    return { status: 405, body: { error: 'GET lists, POST adds, DELETE clears' } };
  }
  try {
    return { status: 201, body: { id: faults.add(JSON.parse(text)) } };
  } catch (error) {
    return { status: 400, body: { error: error.message } };
  }
}

async function bodyOf(request) {
  const chunks = [];
  let size = 0;
  for await (const chunk of request) {
    size += chunk.length;
    if (size <= MAX_BODY_BYTES) {
      chunks.push(chunk); // beyond the limit the rest is read and dropped, so that the refusal can be read
    }
  }
  return size <= MAX_BODY_BYTES ? Buffer.concat(chunks).toString('utf8') : undefined;
}

function send(response, { status, headers = { 'content-type': 'application/json' }, body }) {
  const content = body === undefined ? '' : JSON.stringify(body);
  response.writeHead(status, { ...headers, 'content-length': Buffer.byteLength(content) }).end(content);
}
