// npm run docs:errors: writes docs/errors.md from the table in packages/base/src/errors.ts.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { type ErrorKind, errors } from '../packages/base/src/errors.ts';

const rows = Object.values(errors).map(
  (e: ErrorKind) =>
    `| ${e.code} | ${e.title} | ${e.fault} | ${e.retryable ? 'yes' : 'no'} | ${e.httpStatus || ''} | ${e.responseFlag ?? ''} | ${e.istioCode ?? ''} |`,
);
writeFileSync(
  join(import.meta.dirname, '../docs/errors.md'),
  `# Errors

Everything weft can say went wrong, written from \`packages/base/src/errors.ts\` by \`npm run docs:errors\`. *Fault* says who can mend it;
*retry* whether the same call can succeed later without anyone changing anything; *flag* is what \`%RESPONSE_FLAGS%\` shows, with Envoy's meanings.

| code | what | fault | retry | HTTP | flag | Istio |
|---|---|---|---|---|---|---|
${rows.join('\n')}
`,
);
