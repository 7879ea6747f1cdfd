// Medplum's in-memory repository, made to behave like an EMR's: it refuses invalid resources, a failed transaction
// leaves nothing behind, requests run one at a time, and what was answered is kept in a change log.

import { notFound, OperationOutcomeError } from '@medplum/core';
import { MemoryRepository } from '@medplum/fhir-router';

if (typeof MemoryRepository.prototype.createResourceSync !== 'function') {
  // Every way to store a resource ends there in the pinned version; overriding it covers conditional creates too.
  throw new Error('MemoryRepository.createResourceSync is gone: this needs @medplum/fhir-router 5.2.13');
}

export class EmrRepository extends MemoryRepository {
  #check;
  #log;
  #changes = []; // of the request under way; each can be undone
  #queue = Promise.resolve();

  constructor(check) {
    super();
    this.#check = check;
  }

  /** Keeps every change from now on in this log. */
  keepIn(log) {
    this.#log = log;
  }

  /** Applies changes that were kept earlier. */
  replay(changes) {
    for (const change of changes) {
      this.#apply(change);
    }
  }

  /**
   * Runs one request alone. Its changes are kept before the promise resolves; when they cannot be kept, none of them
   * remains. Alone, because a transaction awaits between its entries and would otherwise roll back, or show, the
   * changes of others.
   */
  runAlone(request) {
    const run = this.#queue.then(async () => {
      this.#changes = [];
      try {
        const answer = await request();
        if (this.#log && this.#changes.length > 0) {
          this.#log.append(this.#changes.map(({ put, remove }) => (put ? { put } : { remove })));
        }
        return answer;
      } catch (error) {
        this.#undoTo(0);
        throw error;
      }
    });
    this.#queue = run.catch(() => undefined);
    return run;
  }

  createResourceSync(resource, options, update = false) {
    this.#check(resource);
    const before = this.resources.get(resource.resourceType)?.get(resource.id);
    const answer = super.createResourceSync(resource, options, update);
    const put = this.resources.get(answer.resourceType).get(answer.id);
    this.#changes.push({ put, before });
    return answer;
  }

  async deleteResource(resourceType, id, options) {
    const before = this.resources.get(resourceType)?.get(id);
    await super.deleteResource(resourceType, id, options);
    this.#changes.push({ remove: { resourceType, id }, before });
  }

  async withTransaction(callback) {
    const savepoint = this.#changes.length;
    try {
      return await callback(this);
    } catch (error) {
      this.#undoTo(savepoint);
      throw error;
    }
  }

  // The inherited readHistory reverses the stored list in place, so every second answer would be oldest first.
  async readHistory(resourceType, id, { offset = 0, limit } = {}) {
    const versions = this.history.get(resourceType)?.get(id);
    if (!versions || !this.resources.get(resourceType)?.has(id)) {
      throw new OperationOutcomeError(notFound);
    }
    const newestFirst = structuredClone(versions).reverse();
    const entry = newestFirst.slice(offset, limit === undefined ? undefined : offset + limit);
    return { resourceType: 'Bundle', type: 'history', total: versions.length, entry: entry.map(asEntry) };
  }

  #apply({ put, remove }) {
    if (put) {
      within(this.resources, put.resourceType, Map).set(put.id, put);
      within(within(this.history, put.resourceType, Map), put.id, Array).push(put);
    } else {
      this.resources.get(remove.resourceType)?.delete(remove.id);
    }
  }

  #undoTo(savepoint) {
    while (this.#changes.length > savepoint) {
      const { put, remove, before } = this.#changes.pop();
      const { resourceType, id } = put ?? remove;
      if (put) {
        this.history.get(resourceType).get(id).pop();
      }
      if (before) {
        this.resources.get(resourceType).set(id, before);
      } else {
        this.resources.get(resourceType).delete(id);
      }
    }
  }
}

function asEntry(resource) {
  return { resource };
}

function within(map, key, Container) {
  if (!map.has(key)) {
    map.set(key, new Container());
  }
  return map.get(key);
}
