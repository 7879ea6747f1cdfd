// Keeps what the EMR stores: one line of JSON per committed request, appended before the request is answered.
//
// A line holds all changes of one request, so a transaction is there whole or not at all. A process that is killed
// can leave an incomplete last line; it was never answered, so it is cut off at the next start. Lines reach the
// operating system at once and the disk at close: they survive the death of this process, not that of the machine.

import fs from 'node:fs';
import path from 'node:path';

const FORMAT = { format: 'baton-embedded-emr', version: 1 };
const NEWLINE = 0x0a;

export class ChangeLog {
  #fd;
  #length;

  /** Opens the log in a folder and hands every kept list of changes to `replay`, oldest first. */
  constructor(folder, replay) {
    fs.mkdirSync(folder, { recursive: true, mode: 0o700 });
    const file = path.join(folder, 'resources.ndjson');
    this.#fd = fs.openSync(file, fs.constants.O_RDWR | fs.constants.O_CREAT | fs.constants.O_APPEND, 0o600);
    const content = fs.readFileSync(file);
    this.#length = content.lastIndexOf(NEWLINE) + 1;
    fs.ftruncateSync(this.#fd, this.#length);
    if (this.#length === 0) {
      this.#write(FORMAT);
    } else {
      replayLines(content.subarray(0, this.#length), file, replay);
    }
  }

  /** Appends one request's changes; when that fails, the log is as before and the error goes on. */
  append(changes) {
    try {
      this.#write(changes);
    } catch (error) {
      fs.ftruncateSync(this.#fd, this.#length);
      throw error;
    }
  }

  close() {
    fs.fsyncSync(this.#fd);
    fs.closeSync(this.#fd);
  }

  #write(value) {
    const line = Buffer.from(`${JSON.stringify(value)}\n`);
    fs.writeFileSync(this.#fd, line);
    this.#length += line.length;
  }
}

function replayLines(content, file, replay) {
  let start = 0;
  for (let number = 1; start < content.length; number += 1) {
    const end = content.indexOf(NEWLINE, start);
    let line;
    try {
      line = JSON.parse(content.toString('utf8', start, end));
    } catch {
      throw new Error(`${file}, line ${number}: damaged; move the file away to start with an empty EMR`);
    }
    if (number === 1 && (line.format !== FORMAT.format || line.version !== FORMAT.version)) {
      throw new Error(`${file} was not written by this version of the embedded EMR; move it away to start empty`);
    }
    if (number > 1) {
      replay(line);
    }
    start = end + 1;
  }
}
