// Runs the Khronos glTF validator over the files named on the command line.
// Prints one line of JSON per file: {file, errors, warnings, infos, messages: [{code, severity, pointer, message}]}.

import { readFileSync } from "node:fs";
import validator from "gltf-validator";

for (const file of process.argv.slice(2)) {
  const report = await validator.validateBytes(new Uint8Array(readFileSync(file)), { uri: file, maxIssues: 100 });
  const { numErrors, numWarnings, numInfos, messages } = report.issues;
  const line = {
    file,
    errors: numErrors,
    warnings: numWarnings,
    infos: numInfos,
    messages: messages.map(({ code, severity, pointer, message }) => ({ code, severity, pointer, message })),
  };
  console.log(JSON.stringify(line));
}
