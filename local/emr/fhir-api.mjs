// FHIR's RESTful API (https://hl7.org/fhir/R4/http.html) over Medplum's router: a request in, an answer out.
// The HTTP server around it knows nothing of FHIR, and this knows nothing of sockets.

import { allOk, badRequest, getStatus, normalizeErrorString, OperationOutcomeError } from '@medplum/core';
import { FhirRouter } from '@medplum/fhir-router';

export const BASE_PATH = '/fhir/R4';
const PAGE_SIZE = 100;
const METHODS = new Set(['GET', 'POST', 'PUT', 'PATCH', 'DELETE']);

/**
 * Makes the API's one function: {method, target, headers, text, origin} → {status, headers, body}.
 * `target` is path and query below BASE_PATH, `origin` what the client called this server, `body` a value or undefined.
 */
export function fhirApi(repository, resourceTypes) {
  const router = new FhirRouter();
  router.add('GET', 'metadata', async () => [allOk, capabilityStatement(resourceTypes)]);
  const knownTypes = new Set(resourceTypes);
  return async (request) => {
    if (!METHODS.has(request.method)) {
      return answer(405, outcome('not-supported', `${request.method} is not supported`));
    }
    const type = /^\/([A-Z][^/?]*)/.exec(request.target)?.[1];
    if (type && !knownTypes.has(type)) {
      return answer(404, outcome('not-supported', `${type} is not a resource type of FHIR R4`));
    }
    try {
      return await repository.runAlone(() => route(router, repository, request));
    } catch (error) {
      if (error instanceof OperationOutcomeError) {
        return answer(getStatus(error.outcome), error.outcome);
      }
      return answer(500, outcome('exception', normalizeErrorString(error)));
    }
  };
}

async function route(router, repository, request) {
  const target = withPageSize(request);
  const [result, resource] = await router.handleRequest(
    {
      method: request.method,
      url: target,
      pathname: '',
      params: {},
      query: {},
      headers: request.headers,
      body: parsedBody(request),
      config: { transactions: true },
    },
    repository
  );
  const status = getStatus(result);
  const base = `${request.origin}${BASE_PATH}`;
  if (resource?.type === 'searchset' && request.method === 'GET') {
    addLinks(resource, target, base);
  }
  return answer(status, resource ?? result, versionHeaders(status, resource, base));
}

function parsedBody({ text, target }) {
  if (/\/_search(\?|$)/.test(target)) {
    return Object.fromEntries(new URLSearchParams(text)); // the one place where FHIR takes a form
  }
  if (!text) {
    return undefined;
  }
  try {
    return JSON.parse(text);
  } catch {
    throw new OperationOutcomeError(badRequest('The body is not JSON'));
  }
}

function versionHeaders(status, resource, base) {
  const version = resource?.meta?.versionId;
  if (!version) {
    return {};
  }
  const headers = { etag: `W/"${version}"`, 'last-modified': new Date(resource.meta.lastUpdated).toUTCString() };
  if (status === 201) {
    headers.location = `${base}/${resource.resourceType}/${resource.id}/_history/${version}`;
  }
  return headers;
}

// A search without _count would answer with everything at once, which no EMR does: clients must follow the pages.
function withPageSize({ method, target }) {
  const [path, query = ''] = target.split('?', 2);
  if (method !== 'GET' || !/^\/[A-Z][A-Za-z]+\/?$/.test(path) || new URLSearchParams(query).has('_count')) {
    return target;
  }
  return `${path}?${query ? `${query}&` : ''}_count=${PAGE_SIZE}`;
}

function addLinks(bundle, target, base) {
  bundle.link = [{ relation: 'self', url: base + target }];
  const [path, query = ''] = target.split('?', 2);
  const parameters = new URLSearchParams(query);
  const matches = (bundle.entry ?? []).filter((entry) => entry.search?.mode === 'match').length;
  const shown = Number(parameters.get('_offset') ?? 0) + matches;
  if (matches > 0 && shown < bundle.total) {
    parameters.set('_offset', String(shown));
    bundle.link.push({ relation: 'next', url: `${base}${path}?${parameters}` });
  }
}

function answer(status, body, headers = {}) {
  return { status, headers: { 'content-type': 'application/fhir+json', ...headers }, body };
}

export function outcome(code, diagnostics) {
  return { resourceType: 'OperationOutcome', issue: [{ severity: 'error', code, diagnostics }] };
}

function capabilityStatement(resourceTypes) {
  const interaction = ['create', 'read', 'vread', 'update', 'patch', 'delete', 'history-instance', 'search-type'];
  return {
    resourceType: 'CapabilityStatement',
    status: 'active',
    date: '2026-01-01',
    kind: 'instance',
    software: { name: 'Baton embedded EMR' },
    implementation: { description: 'A FHIR R4 server on this machine, for development and tests' },
    fhirVersion: '4.0.1',
    format: ['json'],
    rest: [
      {
        mode: 'server',
        resource: resourceTypes.map((type) => ({
          type,
          interaction: interaction.map((code) => ({ code })),
          versioning: 'versioned-update',
          conditionalCreate: true,
          conditionalUpdate: true,
        })),
        interaction: [{ code: 'transaction' }, { code: 'batch' }],
      },
    ],
  };
}
