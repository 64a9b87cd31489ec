// Makes a component of src/executor.js: `node build.mjs my-executor.wasm`.

import { writeFile } from 'node:fs/promises';
import { componentize } from '@bytecodealliance/componentize-js';

const { component } = await componentize({
  sourcePath: 'src/executor.js',
  witPath: 'wit',
  worldName: 'executor',
});
await writeFile(process.argv[2], component);
