// Counts the words of a text: an executor for Errand.
//
// `count` is the work, a function without effects. `describe` and `run` are the edge to the host: they
// describe the executor, read the input, report progress, leave a file behind and say how a task failed.
//
// What stands outside of functions runs once, when the component is built, and is in its snapshot.

import { publish } from 'errand:task/artifacts@0.1.0';
import { log, report } from 'errand:task/progress@0.1.0';
import { getDirectories } from 'wasi:filesystem/preopens@0.2.12';

const INPUT_SCHEMA = {
  type: 'object',
  properties: {
    text: { type: 'string', description: 'What to count.' },
    top: {
      type: 'integer',
      minimum: 1,
      maximum: 1000,
      default: 3,
      description: 'How many words to name.',
    },
  },
  required: ['text'],
  additionalProperties: false,
  examples: [{ text: 'to be or not to be\nthat is the question', top: 2 }],
};

const OUTPUT_SCHEMA = {
  type: 'object',
  properties: {
    words: { type: 'integer', minimum: 1 },
    top: {
      type: 'array',
      items: {
        type: 'object',
        properties: { word: { type: 'string' }, count: { type: 'integer', minimum: 1 } },
        required: ['word', 'count'],
        additionalProperties: false,
      },
    },
  },
  required: ['words', 'top'],
  additionalProperties: false,
};

// Called once, at upload.
export function describe() {
  return {
    description: 'Counts the words of a text.',
    inputSchema: JSON.stringify(INPUT_SCHEMA),
    outputSchema: JSON.stringify(OUTPUT_SCHEMA),
  };
}

// Called for each task, in a fresh instance. The input fits the schema: that was checked before.
export function run(input) {
  try {
    const { text, top = 3 } = JSON.parse(input);
    const output = count(text, top);
    if (output.words === 0) {
      log('warn', 'there is nothing to count');
      throw permanent('no_words', 'the text has no words');
    }
    leaveReport(output);
    return JSON.stringify(output);
  } catch (thrown) {
    // What is thrown and is no failure is a trap, which says nothing.
    throw thrown instanceof Error ? permanent('exception', String(thrown)) : thrown;
  }
}

function count(text, top) {
  const counts = new Map();
  const lines = text.split('\n');
  lines.forEach((line, index) => {
    // This engine has no Unicode classes such as \p{L}: what is no space and no punctuation is a word.
    for (const word of line.toLowerCase().match(/[^\s!-/:-@[-`{-~]+/g) ?? []) {
      counts.set(word, (counts.get(word) ?? 0) + 1);
    }
    report(BigInt(index + 1), BigInt(lines.length), undefined);
  });
  const ordered = [...counts].sort(([a, x], [b, y]) => y - x || (a < b ? -1 : 1));
  return {
    words: ordered.reduce((sum, [, times]) => sum + times, 0),
    top: ordered.slice(0, top).map(([word, times]) => ({ word, count: times })),
  };
}

// Writes a file into the task's directory, and keeps it beyond the task's end.
function leaveReport(output) {
  const lines = output.top.map(({ word, count }) => `- ${word}: ${count}\n`);
  const bytes = new TextEncoder().encode([`# ${output.words} words\n\n`, ...lines].join(''));
  try {
    const [[workspace]] = getDirectories();
    const flags = { create: true, truncate: true };
    const file = workspace.openAt({}, 'report.md', flags, { write: true });
    for (let at = 0; at < bytes.length; ) {
      at += Number(file.write(bytes.subarray(at), BigInt(at)));
    }
    publish('report.md', { text: 'What was counted' });
  } catch (error) {
    throw transient('report_not_kept', String(error.payload ?? error));
  }
}

// A failure that would come again: the task is not tried again.
function permanent(code, message) {
  return { code, message, persistence: 'permanent' };
}

// A failure that may pass: the task is tried again, as often as its request says.
function transient(code, message) {
  return { code, message, persistence: 'transient' };
}
